import { ANCHORS_CONFIG_MAP, ANCHORS_KEY } from '../../../api/names.ts';
import { VERSION } from '../../../api/version.ts';
import type { Pod } from '../../../lib/kube/types.ts';
import { runsStockProxy } from '../../../lib/mesh/pods.ts';
import { certificatesOf } from '../../../lib/pki/pem.ts';
import { find } from '../../shared/installed.ts';
import { KINDS } from '../../shared/kinds.ts';
import { injectedPods, proxyStatus, proxyVersion } from '../../shared/workloads.ts';
import { anchors } from './identity.ts';
import { CheckFailure, type Category, type CheckContext } from '../types.ts';

const SHOWN = 5;

export const dataPlane: Category = {
  name: 'data-plane',
  checks: [
    {
      description: 'proxies are ready',
      hint: 'proxies-ready',
      retry: true,
      test: async (c) => {
        const unready = (await pods(c)).filter((pod) => !pod.metadata.deletionTimestamp && proxyStatus(pod)?.ready !== true);
        if (unready.length > 0) throw new CheckFailure(`not ready: ${named(unready)}`);
      },
    },
    {
      description: 'proxies and plugin have the same version',
      hint: 'proxies-version',
      warning: true,
      test: async (c) => {
        const other = (await pods(c)).filter((pod) => !runsStockProxy(pod) && proxyVersion(pod) !== VERSION);
        if (other.length > 0) throw new CheckFailure(`another version than ${VERSION}: ${named(other, (pod) => ` (${proxyVersion(pod)})`)}`);
      },
    },
    {
      description: 'namespaces with proxies have the trust anchors',
      hint: 'proxies-anchors',
      retry: true,
      test: async (c) => {
        const wanted = new Set((await anchors(c)).map((a) => a.raw.toString('base64')));
        for (const namespace of new Set((await pods(c)).map((pod) => pod.metadata.namespace!))) {
          const copy = await find(c.kube(), KINDS.configmaps, { name: ANCHORS_CONFIG_MAP, namespace }, c.io.signal);
          const have = new Set(certificatesOf(copy?.data?.[ANCHORS_KEY] ?? '').map((a) => a.toString('base64')));
          if (![...wanted].every((a) => have.has(a))) throw new CheckFailure(`ConfigMap ${ANCHORS_CONFIG_MAP} in namespace ${namespace} is missing or behind`);
        }
      },
    },
  ],
};

function pods(c: CheckContext): Promise<Pod[]> {
  return c.once('pods', () => injectedPods(c.kube(), { namespace: c.options.namespace, signal: c.io.signal }));
}

function named(some: readonly Pod[], more: (pod: Pod) => string = () => ''): string {
  const shown = some.slice(0, SHOWN).map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}${more(pod)}`).join(', ');
  return some.length > SHOWN ? `${shown} and ${some.length - SHOWN} more` : shown;
}
