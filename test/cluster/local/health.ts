/** From started processes to a cluster that answers: waits with reasons, and says which component failed if it does not come. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError, interrupted, type Progress } from '../provider.ts';
import { lastLines, must, type Exec } from '../exec.ts';
import { DNS_DEPLOYMENT, DNS_NAMESPACE, dnsManifest } from './dns.ts';
import { deploymentAvailable, kubeGet, readyNodes, type KubeGet } from './kube.ts';
import type { Layout, NodeLayout } from './layout.ts';
import { nodeProcess } from './processes.ts';

export interface HealthDeps {
  run: Exec;
  log: Progress;
  kubectl: string;
  /** milliseconds */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  signal: AbortSignal | undefined;
  /** completes "The logs are in" */
  logsAt: string;
}

/** Whether every node's first process runs. */
export async function nodesRun(cluster: Layout): Promise<boolean> {
  return (await Promise.all(cluster.nodes.map(nodeProcess))).every((pid) => pid !== undefined);
}

/** Whether the cluster is as `up` leaves it. */
export async function isHealthy(cluster: Layout): Promise<boolean> {
  try {
    const get = await kubeGet(cluster);
    const ready = await readyNodes(get);
    return cluster.nodes.every((node) => ready.includes(node.name)) && (await deploymentAvailable(get, DNS_NAMESPACE, DNS_DEPLOYMENT));
  } catch {
    return false;
  }
}

const POLL_MS = 200;
const PATIENCE_MS = 120_000;

/** Puts the system images on the nodes, installs DNS, and returns when nodes and DNS are ready. May be repeated at any time. */
export async function complete(cluster: Layout, images: readonly string[], deps: HealthDeps): Promise<void> {
  const get = await kubeGet(cluster);
  const imported = Promise.all(cluster.nodes.map(async (node) => {
    await until(cluster, deps, `containerd on ${node.name} answers`, async () => (await ctr(deps.run, node, ['version'])).code === 0);
    for (const image of images) await importImage(deps.run, node, image);
  }));
  // Reported below, when the API server has been waited for; until then it must not count as unhandled.
  imported.catch(() => undefined);
  await until(cluster, deps, 'the API server is ready', async () => (await get('/readyz')).status === 200);
  deps.log('API server is ready');
  await must(deps.run, 'install cluster DNS', deps.kubectl, ['--kubeconfig', cluster.kubeconfig, 'apply', '--server-side', '--force-conflicts', '-f', '-'], { input: JSON.stringify(dnsManifest()) });
  await imported;
  await until(cluster, deps, 'every node is Ready', async () => hasAll(cluster, await readyNodes(get)));
  deps.log(cluster.nodes.length === 1 ? 'node is Ready' : `${cluster.nodes.length} nodes are Ready`);
  await until(cluster, deps, 'cluster DNS is available', () => dnsReady(get));
  deps.log('cluster DNS is available');
}

function hasAll(cluster: Layout, ready: readonly string[]): boolean {
  return cluster.nodes.every((node) => ready.includes(node.name));
}

function dnsReady(get: KubeGet): Promise<boolean> {
  return deploymentAvailable(get, DNS_NAMESPACE, DNS_DEPLOYMENT);
}

/** Polls; a question that cannot be asked yet counts as "not yet". */
async function until(cluster: Layout, deps: HealthDeps, what: string, question: () => Promise<boolean>): Promise<void> {
  const deadline = deps.now() + PATIENCE_MS;
  for (;;) {
    if (deps.signal?.aborted) throw interrupted();
    if (await question().catch(() => false)) return;
    for (const node of cluster.nodes) await checkComponents(node, deps);
    if (deps.now() > deadline) throw new ClusterError(await tooLate(cluster, what, deps));
    await deps.sleep(POLL_MS);
  }
}

/** A component that has ended this often will not come up by itself. */
const HOPELESS = 10;

async function checkComponents(node: NodeLayout, deps: HealthDeps): Promise<void> {
  // In this order: a node that is only just being born must not be taken for one that has ended.
  const born = (await readFile(join(node.dir, 'init.pid'), 'utf8').catch(() => '')) !== '';
  if (born && (await nodeProcess(node)) === undefined) {
    throw new ClusterError(`Node ${node.name} ended while it was being started: ${await logEnd(node, 'init')}. The logs are in ${deps.logsAt}.`);
  }
  for (const [name, count] of await failures(node)) {
    if (count >= HOPELESS) throw new ClusterError(`${name} on node ${node.name} ended ${count} times: ${await logEnd(node, name)}. The logs are in ${deps.logsAt}.`);
  }
}

/** How often each component of the node has ended, most often first. */
export async function failures(node: NodeLayout): Promise<[string, number][]> {
  const counts = new Map<string, number>();
  for (const line of (await readFile(join(node.dir, 'exits'), 'utf8').catch(() => '')).split('\n')) {
    const [name] = line.split(' ');
    if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}

async function tooLate(cluster: Layout, what: string, deps: HealthDeps): Promise<string> {
  const reasons: string[] = [];
  for (const node of cluster.nodes) for (const [name] of (await failures(node)).slice(0, 2)) reasons.push(`${name} on ${node.name} said: ${await logEnd(node, name)}.`);
  return [`The local cluster "${cluster.name}" did not come up: waited ${PATIENCE_MS / 1000} s until ${what}.`, ...reasons, `The logs are in ${deps.logsAt}.`].join(' ');
}

async function logEnd(node: NodeLayout, component: string): Promise<string> {
  return lastLines(await readFile(join(node.logDir, `${component}.log`), 'utf8').catch(() => ''), 2);
}


/** Runs ctr on a node: inside its mount namespace, where its containerd is at the usual place. */
async function ctr(run: Exec, node: NodeLayout, args: readonly string[], inputFile?: string): ReturnType<Exec> {
  const pid = await nodeProcess(node);
  if (pid === undefined) throw new ClusterError(`Node ${node.name} does not run. Start it with \`npm run cluster -- up\`.`);
  return run('nsenter', ['-t', String(pid), '--mount', 'ctr', '-n', 'k8s.io', ...args], inputFile === undefined ? {} : { inputFile });
}

/** Loads one archive (docker-archive or OCI layout, tar) into a node's containerd. */
export async function importImage(run: Exec, node: NodeLayout, archive: string): Promise<void> {
  const { code, stderr } = await ctr(run, node, ['images', 'import', '-'], archive);
  if (code === 0) return;
  throw new ClusterError(`Node ${node.name} did not take the image archive ${archive}: ${lastLines(stderr)}. It must be a tar in the form of \`docker save\` or an OCI layout, for this machine's architecture.`);
}
