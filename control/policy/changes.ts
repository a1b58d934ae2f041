import type { Cluster } from '../cluster/cluster.ts';
import type { Changes } from '../cluster/live.ts';
import { trackedPolicyView } from '../cluster/route-view.ts';
import type { PolicyView } from '../cluster/route-view.ts';
import type { Routes } from '../cluster/routes.ts';

/** The cluster and the Gateway API's objects as one source of truth; `also` has to be there before anything is computed. */
export function policyChanges(cluster: Cluster, routes: Routes, also?: Promise<void>): Changes<PolicyView> {
  const view: PolicyView = { ...cluster.view, ...routes.view };
  return {
    view,
    tracked: (note) => trackedPolicyView(view, note),
    synced: Promise.all([cluster.synced, routes.synced, also]).then(() => undefined),
    onChange(listener) {
      const stops = [cluster.onChange(listener), routes.onChange(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
