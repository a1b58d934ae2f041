import { stringify } from 'yaml';
import { METRICS_GROUP, METRICS_VERSION, type TrafficEdge } from '../../api/metrics-api.ts';
import { getList } from '../shared/aggregated.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import { namespaceIn } from '../shared/flags.ts';
import type { Io } from '../shared/io.ts';
import type { EdgesOptions } from './options.ts';
import { edgeRow, edgesTable } from './render.ts';

export async function run(io: Io, deps: Deps, options: EdgesOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, async (kube) => {
    const { kind, name } = options.workload;
    const namespace = namespaceIn(options.scope, kube.connection.namespace);
    const found = await getList<TrafficEdge>(kube, METRICS_GROUP, METRICS_VERSION, 'trafficedges', { namespace, query: { kind, name }, signal: io.signal });
    const items = found.filter((e) => name === undefined || e.src.name === name || e.dst.name === name).sort((a, b) => order(a).localeCompare(order(b)));
    if (options.output === 'json') io.stdout.write(`${JSON.stringify(items.map(edgeRow), null, 2)}\n`);
    else if (options.output === 'yaml') io.stdout.write(stringify(items.map(edgeRow)));
    else if (items.length > 0) io.stdout.write(edgesTable(items, options.output === 'wide'));
    if (items.length === 0) {
      io.stderr.write(`No connections found ${namespace === undefined ? 'in any namespace' : `in namespace ${namespace}`}. They appear when a meshed workload talks or is talked to.\n`);
    }
    return EXIT.ok;
  });
}

function order(edge: TrafficEdge): string {
  return [edge.src.namespace, edge.src.name, edge.dst.namespace, edge.dst.name].join('\n');
}
