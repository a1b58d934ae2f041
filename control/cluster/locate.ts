import { isIPv6 } from 'node:net';
import type { Pod } from '../../lib/kube/types.ts';
import { allContainers } from '../../lib/mesh/pods.ts';

/** The pod that answers on an address, and where it really listens. */
export interface Located { pod: Pod; ip: string; port: number }

/**
 * Chooses among the pods of an address: the pod whose own address it is; on a node's address the pod that has the port there, by host network
 * or host port; undefined when there is none.
 */
export function locatePod(pods: Pod[], ip: string, port: number): Located | undefined {
  const own = pods.filter((pod) => !pod.spec.hostNetwork && ownsAddress(pod, ip));
  const pod = own.find((one) => !one.metadata.deletionTimestamp) ?? own[0];
  if (pod) return { pod, ip, port };
  for (const one of pods) {
    const ports = allContainers(one).flatMap((c) => c.ports ?? []).filter((p) => (p.protocol ?? 'TCP') === 'TCP');
    if (one.spec.hostNetwork) {
      if (ownsAddress(one, ip) && ports.some((p) => p.containerPort === port)) return { pod: one, ip, port };
      continue;
    }
    const mapped = ports.find((p) => p.hostPort === port);
    const ips = one.status?.podIPs?.map((own) => own.ip) ?? [];
    const target = ips.find((own) => isIPv6(own) === isIPv6(ip)) ?? ips[0];
    if (mapped && target && hostIps(one).includes(ip)) return { pod: one, ip: target, port: mapped.containerPort };
  }
  return undefined;
}

export function ownsAddress(pod: Pod, ip: string): boolean {
  return pod.status?.podIPs?.some((one) => one.ip === ip) ?? false;
}

/** Addresses of the node that a pod has ports on; [] for a pod without such ports. */
export function hostIps(pod: Pod): string[] {
  if (!allContainers(pod).some((c) => c.ports?.some((p) => p.hostPort))) return [];
  const { hostIP, hostIPs } = pod.status ?? {};
  return hostIPs?.map(({ ip }) => ip) ?? (hostIP ? [hostIP] : []);
}
