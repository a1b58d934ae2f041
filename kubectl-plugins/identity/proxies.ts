/** Every proxy's certificate, asked of the proxy through the API server. */
import { X509Certificate } from 'node:crypto';
import type { IdentityReport } from '../../api/identity-status.ts';
import { PORTS } from '../../api/ports.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Pod } from '../../lib/kube/types.ts';
import { proxyOf, runsStockProxy } from '../../lib/mesh/pods.ts';
import { certificatesOf } from '../../lib/pki/pem.ts';
import { isoDate } from '../shared/certificates.ts';
import { messageOf } from '../shared/errors.ts';
import { namespaceIn, type Scope } from '../shared/flags.ts';
import { inParallel } from '../shared/poll.ts';
import { injectedPods } from '../shared/workloads.ts';

export interface ProxyIdentity {
  namespace: string;
  pod: string;
  identity: string;
  /** of the certificate in use; '' before the first */
  notBefore: string;
  notAfter: string;
  /** fingerprint of who signed it */
  issuer: string;
  /** fingerprints of the anchors that the proxy trusts */
  anchors: string[];
  /** why nothing is known */
  error?: string;
}

const AT_ONCE = 12;

export async function proxyIdentities(kube: KubeClient, scope: Scope, selector: string | undefined, signal: AbortSignal): Promise<ProxyIdentity[]> {
  const pods = await injectedPods(kube, { namespace: namespaceIn(scope, kube.connection.namespace), selector, signal });
  pods.sort((a, b) => `${a.metadata.namespace}/${a.metadata.name}`.localeCompare(`${b.metadata.namespace}/${b.metadata.name}`));
  return inParallel(pods, AT_ONCE, (pod) => identityOf(kube, pod, signal));
}

async function identityOf(kube: KubeClient, pod: Pod, signal: AbortSignal): Promise<ProxyIdentity> {
  const { name, namespace = '' } = pod.metadata;
  const nothing: ProxyIdentity = { namespace, pod: name, identity: '', notBefore: '', notAfter: '', issuer: '', anchors: [] };
  if (runsStockProxy(pod)) return { ...nothing, error: 'a stock linkerd2-proxy does not tell; it trusts the anchors of its start' };
  const port = proxyOf(pod)?.ports?.find((p) => p.name === 'mesh-admin')?.containerPort ?? PORTS.admin;
  try {
    const report = await kube.json<IdentityReport>({
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}:${port}/proxy/identity`, signal, what: `ask pod ${namespace}/${name}`,
    });
    const [leaf, issuer] = certificatesOf(report.chain).map((der) => new X509Certificate(der));
    return {
      ...nothing,
      identity: report.identity,
      notBefore: leaf ? isoDate(leaf.validFromDate) : '',
      notAfter: leaf ? isoDate(leaf.validToDate) : '',
      issuer: issuer ? fingerprint(issuer) : '',
      anchors: certificatesOf(report.anchors).map((der) => fingerprint(new X509Certificate(der))),
    };
  } catch (error) {
    return { ...nothing, error: messageOf(error) };
  }
}

const fingerprint = (certificate: X509Certificate): string => certificate.fingerprint256.replaceAll(':', '').toLowerCase();
