/** What the cases share: a local cluster with the mesh, its API server, the control plane's processes, the proxies' process. */
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, CONTROL_WORKLOAD, DEFAULT_CLUSTER_DOMAIN, DEFAULT_CONTROL_NAMESPACE, DEFAULT_TRUST_DOMAIN, identityName, IDENTITY_WORKLOAD } from '../../../api/names.ts';
import { PORTS } from '../../../api/ports.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import { exec, must } from '../../cluster/exec.ts';
import { bringUpCluster, bringUpMesh, type Up } from '../../mesh/bring-up.ts';
import type { MeshEnv } from '../../mesh/env.ts';
import type { Run } from '../../mesh/run.ts';
import { BenchError, sleep } from '../children.ts';
import { Proxies } from './client.ts';
import type { Leaf, Server } from './client/protocol.ts';
import { adminClient } from './kube.ts';
import type { Pattern, PodPlace } from './objects.ts';
import type { ControlOptions } from './options.ts';
import { processOf, ROLES, type Role } from './processes.ts';
import type { Figure } from './table.ts';

export const CLUSTER = 'bench-control';

export interface World {
  options: ControlOptions;
  env: MeshEnv;
  run: Run;
  up: Up;
  /** as an administrator */
  api: KubeClient;
  /** of the node */
  netns: string;
  proxies: Proxies;
  /** of proxies of the sample */
  leaves: Leaf[];
  /** an injected pod of the sample */
  pattern: Pattern;
  /** the controllers stand still, and the sample application is stopped */
  still: boolean;
  /** pods of the Service that everybody watches; empty before there is one */
  crowd: PodPlace[];
  /** pods that were simulated, by workload; empty before */
  simulated: PodPlace[][];
  figure(figure: Figure): void;
}

/** Brings everything up; what it makes is noted for taking back. */
export async function bringUp(run: Run, env: MeshEnv, options: ControlOptions): Promise<Pick<World, 'up' | 'api' | 'netns' | 'proxies'>> {
  const up = await bringUpCluster(run, env, { name: CLUSTER, choice: { provider: 'local' } });
  // What a killed run left behind goes as well.
  if (!up.madeCluster && !options.keep) run.onTakeBack(`cluster "${CLUSTER}"`, () => up.provider.down(CLUSTER, run.log));
  await bringUpMesh(run, up);
  const [node] = await up.kube.cluster.nodes();
  if (node?.netns == null) throw new BenchError('The node of the cluster is not a network namespace of this machine.');
  // Nobody answers at the simulated addresses: what is sent there is dropped on the node, as by pods that hang.
  await must(exec, 'make a route', 'nsenter', [`--net=${node.netns}`, 'ip', 'route', 'replace', 'blackhole', '10.200.0.0/15']);
  const api = await adminClient(up.kube.kubeconfig);
  run.atEnd(() => Promise.resolve(api.close()));
  const proxies = new Proxies(node.netns);
  run.atEnd(() => proxies.stop());
  return { up, api, netns: node.netns, proxies };
}

/** How proxies reach a service of the control plane: the address of its pod, and the identity that it proves. */
export async function serverOf({ api }: World, service: 'identity' | 'destination' | 'policy'): Promise<Server> {
  const workload = service === 'identity' ? IDENTITY_WORKLOAD : CONTROL_WORKLOAD;
  const anchors = await api.get(RESOURCES.configmaps, ANCHORS_CONFIG_MAP, DEFAULT_CONTROL_NAMESPACE);
  const pods = await api.list(RESOURCES.pods, { namespace: DEFAULT_CONTROL_NAMESPACE });
  const pod = pods.find(({ metadata, spec }) => spec.serviceAccountName === workload && metadata.deletionTimestamp === undefined);
  if (!pod?.status?.podIP) throw new BenchError(`no pod of ${workload} has an address`);
  return {
    ip: pod.status.podIP, port: PORTS[service], anchors: anchors.data![ANCHORS_KEY]!,
    serverName: identityName(workload, DEFAULT_CONTROL_NAMESPACE, DEFAULT_TRUST_DOMAIN, DEFAULT_CONTROL_NAMESPACE),
  };
}

export const nameOf = (service: string, namespace: string): string => `${service}.${namespace}.svc.${DEFAULT_CLUSTER_DOMAIN}:80`;
export const identityOf = (account: string, namespace: string): string => identityName(account, namespace, DEFAULT_TRUST_DOMAIN, DEFAULT_CONTROL_NAMESPACE);
/** As the injector writes it. */
export const contextOf = (namespace: string, node: string, pod: string): string => `${JSON.stringify({ ns: namespace, nodeName: node, pod })}\n`;

export const pidOf = (role: Role): number => processOf(CLUSTER, role);
export const pids = (): number[] => ROLES.map(pidOf);

/** Until a question has no answer any more; throws BenchError with its last one. */
export async function until(question: () => Promise<string> | string, limitMs: number, everyMs = 50): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await question();
    if (answer === '') return;
    if (performance.now() > end) throw new BenchError(`After ${limitMs / 1000} s ${answer}`);
    await sleep(everyMs);
  }
}
