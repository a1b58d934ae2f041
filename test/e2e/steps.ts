/** What tests do again and again with the cluster. */
import { setTimeout as sleep } from 'node:timers/promises';
import { scan } from '../../lib/promtext/scan.ts';
import { parseLabels } from '../../lib/promtext/labels.ts';
import { identityName } from '../../api/names.ts';
import { kube, type Thing } from './world.ts';

const POLL_MS = 300;
const PATIENCE_MS = 120_000;

/** Asks again until the answer is neither undefined nor false nor an error, and returns it; fails with the last error. `what` completes "waited for". */
export async function waitFor<T>(what: string, ask: () => Promise<T | undefined | false>, patienceMs = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (let last = 'no error, only not yet';;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = (error as Error).message;
    }
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs / 1000} s for ${what}: ${last}`);
    await sleep(POLL_MS);
  }
}

export async function apply(...things: Thing[]): Promise<void> {
  await kube().must(`create ${things.map((t) => `${t.kind} ${t.metadata.name}`).join(', ')}`, ['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: things }) });
}

/** Stores what the validating webhooks refuse, as if it had been there before them: meanwhile they do not look at the namespace. */
export async function slipPast(namespace: string, ...things: Thing[]): Promise<void> {
  const label = (value: string) => kube().must('label the namespace', ['label', 'namespace', namespace, `kubectl-mesh.io/admission-webhooks${value}`, '--overwrite']);
  await label('=disabled');
  await waitFor('the webhooks to look away', async () => (await kube().kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: things }) })).code === 0);
  await label('-');
}

/** Begins to delete namespaces; does not wait, because nothing else uses their names. */
export async function dropNamespaces(...names: string[]): Promise<void> {
  await kube().must('delete namespaces', ['delete', 'namespace', ...names, '--ignore-not-found', '--wait=false']);
}

export interface ContainerStatus { name: string; ready: boolean; restartCount: number; started?: boolean; state: { terminated?: { exitCode: number } } }
export interface Pod {
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string>; deletionTimestamp?: string; creationTimestamp: string };
  spec: { containers: { name: string }[]; initContainers?: { name: string; restartPolicy?: string }[] };
  status: { phase: string; podIP?: string; conditions?: { type: string; status: string }[]; containerStatuses?: ContainerStatus[]; initContainerStatuses?: ContainerStatus[] };
}

/** Pods that are not being deleted. */
export async function pods(namespace: string, selector?: string): Promise<Pod[]> {
  const { items } = await kube().json<{ items: Pod[] }>('list pods', ['get', 'pods', '-n', namespace, ...(selector === undefined ? [] : ['-l', selector])]);
  return items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
}

export const isReady = (pod: Pod): boolean => pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
export const isMeshed = (pod: Pod): boolean => pod.spec.initContainers?.some((c) => c.name === 'mesh-proxy' && c.restartPolicy === 'Always') ?? false;

export async function waitReady(namespace: string, ...names: string[]): Promise<void> {
  await kube().must(`see ${names.join(', ')} ready`, ['wait', '--for=condition=Ready', ...names.map((n) => `pod/${n}`), '-n', namespace, '--timeout=120s']);
}

/** Runs a program of JavaScript (an ES module) in a pod; it prints its result as JSON. */
export async function inPod<T>(namespace: string, pod: string, program: string, ...args: string[]): Promise<T> {
  // By standard input, because arguments of exec have a limit and appear in messages.
  const out = await kube().must(`run a program in pod ${pod}`, ['exec', '-i', '-n', namespace, pod, '-c', 'probe', '--', '/usr/bin/node', '--input-type=module', '-', ...args], { input: program });
  try {
    return JSON.parse(out) as T;
  } catch {
    throw new Error(`The program in pod ${pod} printed no JSON: ${out}`);
  }
}

export interface Sample { name: string; labels: Record<string, string>; value: number }

/** What a pod's proxy says of itself on its admin port, through the API server. */
export async function proxyMetrics(namespace: string, pod: string): Promise<Sample[]> {
  const text = await kube().must('read metrics', ['get', '--raw', `/api/v1/namespaces/${namespace}/pods/${pod}:4191/proxy/metrics`]);
  const samples: Sample[] = [];
  scan(text, () => true, (line) => void samples.push({ name: line.name, labels: parseLabels(line.labels, line.number), value: line.value }));
  return samples;
}

/** Sum of the series of a name with at least these labels. */
export function total(samples: Sample[], name: string, labels: Record<string, string>): number {
  return samples.filter((s) => s.name === name && Object.entries(labels).every(([key, value]) => s.labels[key] === value)).reduce((sum, s) => sum + s.value, 0);
}

export const identityOf = (serviceAccount: string, namespace: string): string => identityName(serviceAccount, namespace, 'cluster.local', 'mesh-system');

export interface Totals { ok: number; failed: number; onPurpose: number; reasons: Record<string, number> }

/** What became of the calls of the load generator since it started, by target. */
export async function loadTotals(): Promise<Record<'web' | 'flaky' | 'quotes', Totals>> {
  const [pod] = (await pods('bookshop', 'app=load')).filter(isReady);
  if (pod === undefined) throw new Error('the load generator is not ready');
  return JSON.parse(await kube().must('ask the load generator', ['get', '--raw', `/api/v1/namespaces/bookshop/pods/${pod.metadata.name}:8080/proxy/totals`])) as never;
}

/** Waits until the load generator has made that many more calls that succeeded, to each target. */
export async function loadGoesOn(calls: number): Promise<void> {
  const before = await loadTotals();
  await waitFor(`${calls} more calls`, async () => {
    const now = await loadTotals();
    return (['web', 'flaky', 'quotes'] as const).every((t) => now[t].ok >= before[t].ok + calls);
  });
}
