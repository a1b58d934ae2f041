import { stringify } from 'yaml';
import { METRICS_GROUP, METRICS_VERSION, type TrafficMetrics } from '../../api/metrics-api.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { getList } from '../shared/aggregated.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import { namespaceIn } from '../shared/flags.ts';
import type { Io } from '../shared/io.ts';
import type { WorkloadRef } from '../shared/workload-kinds.ts';
import type { StatOptions } from './options.ts';
import { hint, metricsRow, metricsTable } from './render.ts';

export async function run(io: Io, deps: Deps, options: StatOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, async (kube) => {
    const namespace = namespaceIn(options.scope, kube.connection.namespace);
    const found: { workload: WorkloadRef; items: TrafficMetrics[] }[] = [];
    for (const workload of options.workloads) found.push({ workload, items: await fetchMetrics(io, kube, workload, namespace, options) });
    print(io, found, options, namespace);
    const missing = found.filter((f) => f.workload.name !== undefined && f.items.length === 0).map((f) => `${f.workload.kind}/${f.workload.name}`);
    if (missing.length > 0) throw new CliError(`Not found ${namespace === undefined ? 'in any namespace' : `in namespace ${namespace}`}: ${missing.join(', ')}. Look elsewhere with -n NAMESPACE or -A.`);
    return EXIT.ok;
  });
}

/** A namespace is listed across the cluster: asked within itself it could only be itself. */
async function fetchMetrics(io: Io, kube: KubeClient, workload: WorkloadRef, namespace: string | undefined, options: StatOptions): Promise<TrafficMetrics[]> {
  const items = await getList<TrafficMetrics>(kube, METRICS_GROUP, METRICS_VERSION, 'trafficmetrics', {
    namespace: workload.kind === 'namespace' ? undefined : namespace,
    query: { kind: workload.kind, name: workload.name, window: `${options.windowMs / 1000}s`, labelSelector: options.selector },
    signal: io.signal,
  });
  return items.sort((a, b) => a.metadata.namespace.localeCompare(b.metadata.namespace) || a.workload.name.localeCompare(b.workload.name));
}

function print(io: Io, found: readonly { workload: WorkloadRef; items: TrafficMetrics[] }[], options: StatOptions, namespace: string | undefined): void {
  const all = found.flatMap((f) => f.items);
  if (options.output === 'json' || options.output === 'yaml') {
    const rows = all.map(metricsRow);
    io.stdout.write(options.output === 'json' ? `${JSON.stringify(rows, null, 2)}\n` : stringify(rows));
  } else {
    const tables = found.filter((f) => f.items.length > 0).map(({ workload, items }) => metricsTable(items, {
      namespaces: namespace === undefined && workload.kind !== 'namespace',
      prefix: found.length > 1 ? `${workload.short}/` : '',
      wide: options.output === 'wide',
    }));
    io.stdout.write(tables.join('\n'));
  }
  const help = hint(all, options, options.workloads.every((w) => w.kind === 'namespace') ? undefined : namespace);
  if (help && !options.workloads.some((w) => w.name !== undefined && all.length === 0)) io.stderr.write(`${help}\n`);
}
