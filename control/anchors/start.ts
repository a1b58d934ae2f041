import { Counter } from '@prometheus-io/client';
import { ANCHORS_CONFIG_MAP } from '../../api/names.ts';
import { aborted } from '../../lib/aborted.ts';
import { leader } from '../../lib/kube/lease.ts';
import type { StartService } from '../deps.ts';
import { distribute } from './distribute.ts';

/** Copies the trust anchors into every namespace, from the replica that holds the Lease: one that lags behind must not write older ones over newer ones. */
export const start: StartService = (env, deps) => {
  const { config, clock, kube } = deps;
  const writes = new Counter({ name: 'mesh_anchors_writes_total', help: 'Copies of the trust anchors written', registers: [deps.admin.registry] });
  const log = deps.log.child({ service: 'anchors' });
  const led = leader({
    client: kube, name: ANCHORS_CONFIG_MAP, namespace: config.controlNamespace, holder: env.podName, clock, log, signal: deps.signal,
    async lead(signal) {
      const distribution = distribute({ client: kube, config, log, clock, onWrite: () => writes.inc() });
      await aborted(signal);
      await distribution.stop();
    },
  });
  return Promise.resolve({ stop: () => led.stop() });
};
