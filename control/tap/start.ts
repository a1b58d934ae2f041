import { identityName } from '../../api/names.ts';
import { serveGroup } from '../aggregated/share.ts';
import type { ControlDeps, Service } from '../deps.ts';
import type { ControlEnv } from '../env.ts';
import { shareDirectory } from '../metrics/directory.ts';
import { tapGroup } from './group.ts';
import { observe } from './observe.ts';

/** Answers for tap.kubectl-mesh.io by asking the proxies, as the identity of this process. Resolves when the aggregated API listens. */
export async function start(env: ControlEnv, deps: ControlDeps): Promise<Service & { port: number }> {
  const { kube, clock, config, admin, identity, signal } = deps;
  const log = deps.log.child({ service: 'tap' });
  const { directory, release } = shareDirectory({ kube, clock, log, controlNamespace: config.controlNamespace });
  const stopping = new AbortController();
  const group = tapGroup({
    directory, clock,
    signal: AbortSignal.any([signal, stopping.signal]),
    observe(pod, call) {
      const credentials = identity.current();
      if (credentials === null) return Promise.reject(new Error('the control plane has no certificate yet'));
      return observe({
        ...call, credentials, ip: pod.ip!, port: pod.tapPort,
        identity: identityName(pod.serviceAccount, pod.namespace, config.trustDomain, config.controlNamespace),
      });
    },
  });
  admin.addCheck('tap', () => directory.problem());
  const lease = await serveGroup(group, { kube, clock, log: deps.log, config, listen: { host: env.listenHost, port: env.ports.api } });
  return {
    port: lease.port,
    async stop() {
      admin.removeCheck('tap');
      stopping.abort();
      await lease.withdraw();
      await release();
    },
  };
}
