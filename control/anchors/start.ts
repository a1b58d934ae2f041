import { Counter } from '@prometheus-io/client';
import type { StartService } from '../deps.ts';
import { distribute } from './distribute.ts';

/** Copies the trust anchors into every namespace. */
export const start: StartService = (_env, deps) => {
  const writes = new Counter({ name: 'mesh_anchors_writes_total', help: 'Copies of the trust anchors written', registers: [deps.admin.registry] });
  const log = deps.log.child({ service: 'anchors' });
  const distribution = distribute({ client: deps.kube, config: deps.config, log, clock: deps.clock, onWrite: () => writes.inc() });
  deps.admin.addCheck('anchors', () => distribution.problem());
  return Promise.resolve({
    async stop() {
      deps.admin.removeCheck('anchors');
      await distribution.stop();
    },
  });
};
