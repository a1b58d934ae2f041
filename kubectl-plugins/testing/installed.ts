import { X509Certificate } from 'node:crypto';
import type { MeshConfig } from '../../api/config.ts';
import type { CertificateStatus } from '../../api/identity-status.ts';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE, IDENTITY_WORKLOAD, ISSUER_SECRET, SERVICES, SERVING_SECRET } from '../../api/names.ts';
import { API_SERVICES } from '../../api/webhooks.ts';
import type { KubeObject, Workload } from '../../lib/kube/types.ts';
import { createIssuer, createRoot, Authority } from '../../lib/pki/authority.ts';
import { generateKeys, keyPem } from '../../lib/pki/keys.ts';
import { toPem } from '../../lib/pki/pem.ts';
import { install } from '../install/command.ts';
import { manifests } from '../install/manifests/all.ts';
import { validate } from '../install/options.ts';
import type { ApiService, WebhookConfiguration } from '../shared/kinds.ts';
import type { FakeCluster } from './fake-cluster.ts';
import { identityStatusOf, tellIdentity } from './identity.ts';
import { START } from './io.ts';

const NAMESPACE = DEFAULT_CONTROL_NAMESPACE;

/** The flags of install with their defaults, as the parser would give them. */
export function installArgs(given: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...Object.fromEntries(Object.entries(install.flags).map(([name, o]) => [name, o.default])), ...given };
}

export function defaultConfig(given: Record<string, unknown> = {}): MeshConfig {
  return validate(installArgs(given)).config;
}

/** PEM */
export interface IssuerMaterial { certificate: string; key: string; anchors: string }

export async function realIssuer(now = START, days = { root: 3650, issuer: 365 }): Promise<IssuerMaterial> {
  const root = await createRoot({ commonName: 'root', days: days.root, now });
  const issuer = await createIssuer(root, { commonName: 'issuer', days: days.issuer, now });
  return { certificate: issuer.certificate, key: issuer.key, anchors: root.certificate };
}

/** What a running control plane does to the objects of an install: status of Deployments and APIServices, serving certificate, bundles. */
export async function comeAlive(cluster: FakeCluster, now = START): Promise<void> {
  for (const name of [IDENTITY_WORKLOAD, CONTROL_WORKLOAD]) {
    const deployment = cluster.find(`deployments/${NAMESPACE}/${name}`) as Workload;
    deployment.metadata.generation = 1;
    const { replicas = 1 } = deployment.spec;
    deployment.status = { observedGeneration: 1, replicas, updatedReplicas: replicas, availableReplicas: replicas, readyReplicas: replicas };
  }
  const bundle = await servingCertificate(cluster, now);
  for (const key of ['mutatingwebhookconfigurations/mesh-injector', 'validatingwebhookconfigurations/mesh-validator']) {
    for (const hook of (cluster.find(key) as WebhookConfiguration).webhooks!) hook.clientConfig.caBundle = bundle;
  }
  for (const name of API_SERVICES) {
    const service = cluster.find(`apiservices/${name}`) as ApiService;
    service.spec.caBundle = bundle;
    service.status = { conditions: [{ type: 'Available', status: 'True', reason: 'Passed', message: 'all checks passed' }] };
  }
}

/** What mesh-identity writes when it starts. */
export function identityWorks(cluster: FakeCluster, { certificate, key, anchors }: IssuerMaterial): void {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  Object.assign(cluster.find(`secrets/${NAMESPACE}/${ISSUER_SECRET}`)!, { data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) } });
  Object.assign(cluster.find(`configmaps/${NAMESPACE}/${ANCHORS_CONFIG_MAP}`)!, { data: { [ANCHORS_KEY]: anchors } });
  const stated = (pem: string): CertificateStatus => {
    const c = new X509Certificate(pem);
    return { fingerprint: c.fingerprint256.replaceAll(':', '').toLowerCase(), subject: c.subject, notBefore: c.validFromDate.toISOString(), notAfter: c.validToDate.toISOString() };
  };
  tellIdentity(cluster, identityStatusOf({ anchors: [{ ...stated(anchors), role: 'active' }], issuer: stated(certificate) }));
}

async function servingCertificate(cluster: FakeCluster, now: number): Promise<string> {
  const root = await createRoot({ commonName: 'webhook', days: 365, now });
  const authority = await Authority.load(root, root.certificate, now);
  const { privateKey, publicKey } = generateKeys();
  const { der } = await authority.issue({ publicKey, dnsNames: [`${SERVICES.webhook}.${NAMESPACE}.svc`], lifetimeSeconds: 30 * 86_400, skewSeconds: 60, now });
  const data = { 'tls.crt': toPem(der), 'tls.key': keyPem(privateKey), 'ca.crt': root.certificate };
  cluster.put({
    apiVersion: 'v1', kind: 'Secret', metadata: { name: SERVING_SECRET, namespace: NAMESPACE },
    data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')])),
  } as KubeObject);
  return Buffer.from(root.certificate).toString('base64');
}

/** Puts a whole, working install into the cluster. */
export async function installInto(cluster: FakeCluster, now = START, given: Record<string, unknown> = {}): Promise<void> {
  cluster.put(...(structuredClone(manifests(defaultConfig(given))) as KubeObject[]));
  identityWorks(cluster, await realIssuer(now));
  await comeAlive(cluster, now);
}
