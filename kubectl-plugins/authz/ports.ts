/** Ports of a workload's pods that anything is known of. */
import { CONTAINERS } from '../../api/names.ts';
import { compileInbound } from '../../lib/authz/compile.ts';
import type { InboundPolicy } from '../../lib/authz/model.ts';
import type { Pod } from '../../lib/kube/types.ts';
import { allContainers, namedPorts, skipsProxy } from '../../lib/mesh/pods.ts';
import { CliError, UsageError } from '../shared/errors.ts';
import type { AuthzOptions } from './options.ts';
import { endpointOf, type World } from './world.ts';

/** What proxies do at one port; `pods`: those of which it holds, when it does not of all. */
export interface PortPolicy {
  port: number;
  /** connections to the port are kept from the proxy: nothing is enforced */
  skipped: boolean;
  policy: InboundPolicy;
  pod: Pod;
  pods: string[];
}

const PROXIES: readonly string[] = [...Object.values(CONTAINERS), 'linkerd-proxy', 'linkerd-init'];

/** Declared by the application's containers, led to by Services, or named by policies; in order. */
export function knownPorts({ pods, policies, ...world }: World, service: string | undefined): number[] {
  const applications = pods.flatMap((pod) => allContainers(pod).filter((c) => !PROXIES.includes(c.name)));
  if (service !== undefined) {
    const led = world.slices(service).filter((slice) => pods.some((pod) => endpointOf(pod, slice))).flatMap((slice) => slice.ports ?? []);
    return ordered(led.flatMap((p) => (p.port == null || (p.protocol ?? 'TCP') !== 'TCP' ? [] : [p.port])));
  }
  const declared = applications.flatMap((c) => c.ports ?? []).filter((p) => (p.protocol ?? 'TCP') === 'TCP').map((p) => p.containerPort);
  const probed = applications.flatMap((c) => [c.livenessProbe, c.readinessProbe, c.startupProbe]).flatMap((p) => [p?.httpGet?.port, p?.grpc?.port]).filter((p) => typeof p === 'number');
  return ordered([...declared, ...probed, ...(declared.length === 0 ? policies.flatMap((p) => p.spec.to ?? []).flatMap((to) => to.ports ?? []) : [])]);
}

const ordered = (ports: readonly number[]): number[] => [...new Set(ports)].sort((a, b) => a - b);

/** The port that a request is for. Throws UsageError when it has to be said which, CliError for a name that there is not. */
export function chosenPort(world: World, { port, workload }: AuthzOptions, known: readonly number[]): number {
  const what = `${workload.short}/${workload.name}`;
  if (port === undefined) {
    if (known.length === 1) return known[0]!;
    throw new UsageError(known.length === 0 ? `Say which port with --port: none is known of ${what}.` : `Say which port with --port: ${what} has ${known.join(', ')}.`);
  }
  if (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535) return Number(port);
  const named = world.pods.map((pod) => namedPorts(pod).get(port)).find((number) => number !== undefined);
  if (named === undefined) throw new CliError(`${what} has no port ${JSON.stringify(port)}. Known: ${known.join(', ') || 'none'}.`);
  return named;
}

/** What holds at a port, each different answer of the pods once: they differ while a workload is being rolled out. */
export function policiesAt(world: World, port: number): PortPolicy[] {
  const found = new Map<string, PortPolicy>();
  for (const pod of world.pods) {
    const policy = compileInbound(pod, port, world, world.config, world.followed);
    const skipped = skipsProxy(pod, port, world, world.config);
    const key = JSON.stringify([policy, skipped]);
    const known = found.get(key);
    if (known) known.pods.push(pod.metadata.name);
    else found.set(key, { port, skipped, policy, pod, pods: [pod.metadata.name] });
  }
  return [...found.values()];
}
