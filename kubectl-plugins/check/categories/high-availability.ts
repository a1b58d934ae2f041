import { CONFIG_MAP, DEFAULT_CONTROL_NAMESPACE, LABELS } from '../../../api/names.ts';
import { replicasOf } from '../../install/manifests/high-availability.ts';
import { WORKLOAD_SERVICES, workloadsOf, type WorkloadName } from '../../install/manifests/rbac.ts';
import { find, readConfig } from '../../shared/installed.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Check, type CheckContext } from '../types.ts';

const namespace = DEFAULT_CONTROL_NAMESPACE;

/** Whether an install with --ha has what that is for; one without is content. */
export const highAvailability: Check = {
  description: 'control plane has its replicas, and they do not stand or fall together',
  hint: 'control-plane-replicas',
  warning: true,
  test: async (c) => {
    const config = readConfig(await find(c.kube(), KINDS.configmaps, { name: CONFIG_MAP, namespace }, c.io.signal));
    if (!config?.highAvailability) return;
    for (const name of workloadsOf(config)) await replicated(c, name, replicasOf(config));
  },
};

async function replicated(c: CheckContext, name: WorkloadName, wanted: number): Promise<void> {
  const { signal } = c.io;
  const deployment = await find(c.kube(), KINDS.deployments, { name, namespace }, signal);
  const replicas = deployment?.spec.replicas ?? 0;
  if (replicas < wanted) throw new CheckFailure(`deployment ${name} has ${replicas} replicas, and ${wanted} were installed`);
  const ready = deployment?.status?.readyReplicas ?? 0;
  if (ready < replicas) throw new CheckFailure(`of ${replicas} replicas of deployment ${name}, ${ready} are ready`);
  if (!(await find(c.kube(), KINDS.poddisruptionbudgets, { name, namespace }, signal))) throw new CheckFailure(`PodDisruptionBudget ${name} is missing`);
  const pods = await c.kube().list(KINDS.pods, { namespace, labelSelector: `${LABELS.component}=${WORKLOAD_SERVICES[name].component}`, signal });
  const nodes = new Set(pods.filter((pod) => !pod.metadata.deletionTimestamp).map((pod) => pod.spec.nodeName));
  if (nodes.size === 1) throw new CheckFailure(`all replicas of deployment ${name} run on node ${[...nodes][0]}`);
}
