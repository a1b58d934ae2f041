/** What the plugin tells of the sample's traffic. */
import type { Kube } from './kube.ts';
import { SAMPLE_NAMESPACE } from './sample.ts';
import { MeshError } from './errors.ts';

/** A row of `kubectl mesh edges -o json`. */
export interface EdgeRow {
  src: string;
  src_namespace: string;
  dst: string;
  dst_namespace: string;
  client_id: string;
  server_id: string;
  secured: boolean;
  no_tls_reason: string;
}

/** A row of `kubectl mesh stat -o json`; figures are null without traffic. */
export interface StatRow {
  name: string;
  namespace: string;
  kind: string;
  meshed: string;
  success: number | null;
  rps: number | null;
  latency_ms_p50: number | null;
  latency_ms_p95: number | null;
  latency_ms_p99: number | null;
  tcp_open_connections: number;
}

/** Connections that the sample makes, as source > destination. */
export const SAMPLE_EDGES = ['load>flaky', 'load>quotes', 'load>web', 'web>books', 'web>reviews'];
/** What answers HTTP in the sample. */
const SERVERS = ['web', 'books', 'reviews', 'flaky'];

export const edges = (kube: Kube): Promise<EdgeRow[]> => kube.json('ask for the connections', ['mesh', 'edges', 'deploy', '-n', SAMPLE_NAMESPACE]);
export const stat = (kube: Kube): Promise<StatRow[]> => kube.json('ask for the traffic', ['mesh', 'stat', 'deploy', '-n', SAMPLE_NAMESPACE]);

/** What is still missing until the figures show all of the sample's traffic and nothing of it unsecured; '' when nothing is. */
export async function missing(kube: Kube): Promise<string> {
  const found = await edges(kube);
  const absent = SAMPLE_EDGES.filter((edge) => !found.some(({ src, dst }) => `${src}>${dst}` === edge));
  if (absent.length > 0) return `no connection was seen yet of ${absent.join(', ')}`;
  const open = found.filter((edge) => !edge.secured);
  // A rollout leaves connections to pods without a proxy, which are seen until half a minute after their end.
  if (open.length > 0) return `not secured: ${open.map((e) => `${e.src}>${e.dst} (${e.no_tls_reason})`).join(', ')}`;
  const rows = await stat(kube);
  const silent = SERVERS.filter((name) => !rows.some((row) => row.name === name && (row.rps ?? 0) > 0));
  return silent.length === 0 ? '' : `no requests were counted yet for ${silent.join(', ')}`;
}

/** Waits until `question` has no answer any more. Throws MeshError with its last one after `timeoutMs`. */
export async function awaitNothing(question: () => Promise<string>, timeoutMs: number, sleep: (ms: number) => Promise<void>, now: () => number): Promise<void> {
  const deadline = now() + timeoutMs;
  for (;;) {
    const answer = await question();
    if (answer === '') return;
    if (now() > deadline) throw new MeshError(`After ${timeoutMs / 1000} s ${answer}. Look at the proxies with: kubectl mesh check; kubectl logs -n ${SAMPLE_NAMESPACE} deploy/web -c mesh-proxy`);
    await sleep(1000);
  }
}
