import type { Pod } from '../../lib/kube/types.ts';

/** The pod that answers on an address, and where it really listens. */
export interface Located { pod: Pod; ip: string; port: number }

/**
 * Chooses among the pods of an address: the pod whose own address it is; on a node's address the pod that has the port there, by host network
 * or host port; undefined when there is none.
 */
export function locatePod(pods: Pod[], ip: string, port: number): Located | undefined {
  const owns = (pod: Pod) => pod.status?.podIPs?.some((one) => one.ip === ip) ?? false;
  const own = pods.filter((pod) => !pod.spec.hostNetwork && owns(pod));
  const pod = own.find((one) => !one.metadata.deletionTimestamp) ?? own[0];
  if (pod) return { pod, ip, port };
  for (const one of pods) {
    const ports = one.spec.containers.flatMap((c) => c.ports ?? []);
    if (one.spec.hostNetwork && owns(one) && ports.some((p) => p.containerPort === port)) return { pod: one, ip, port };
    const mapped = ports.find((p) => p.hostPort === port && one.status?.hostIP === ip);
    const target = one.status?.podIPs?.[0]?.ip;
    if (!one.spec.hostNetwork && mapped && target) return { pod: one, ip: target, port: mapped.containerPort };
  }
  return undefined;
}
