import { Counter } from '@prometheus-io/client';
import { CANARY_WORKLOAD } from '../../api/names.ts';
import { leader } from '../../lib/kube/lease.ts';
import type { StartService } from '../deps.ts';
import { eventRecorder } from '../events.ts';
import { leadCanaries } from './controller.ts';

/** Leads canaries while it holds the Lease. */
export const start: StartService = (env, deps) => {
  const log = deps.log.child({ service: 'canary' });
  const { kube, clock } = deps;
  const phases = new Counter({ name: 'canary_phases_total', help: 'Phases that canaries have entered.', labelNames: ['phase'], registers: [deps.admin.registry] });
  const events = eventRecorder({ kube: () => kube, clock, log, component: CANARY_WORKLOAD, host: env.podName });
  const elected = leader({
    client: kube, name: CANARY_WORKLOAD, namespace: env.podNamespace, holder: env.podName, clock, log, signal: deps.signal,
    lead: (signal) => leadCanaries({ kube, clock, log, events, onPhase: (phase) => phases.inc({ phase }) }, signal),
  });
  return Promise.resolve({
    async stop() {
      await elected.stop();
      deps.admin.registry.removeSingleMetric('canary_phases_total');
    },
  });
};
