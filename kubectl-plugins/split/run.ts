import { stringify } from 'yaml';
import { METRICS_GROUP, METRICS_VERSION, type TrafficMetrics } from '../../api/metrics-api.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { HttpRoute } from '../../lib/kube/gateway-api.ts';
import { getList } from '../shared/aggregated.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { KINDS } from '../shared/kinds.ts';
import { inParallel } from '../shared/poll.ts';
import { awaitAccepted } from '../shared/routes.ts';
import { portOf } from '../shared/services.ts';
import type { SplitOptions, Weight } from './options.ts';
import { changes, effect } from './render.ts';
import { backendPort, findSplit, needGatewayApi, otherRoutes, routeName, splitRoute, weightsOf } from './route.ts';

const LOOK_EVERY_MS = 5_000;
const WINDOW_SECONDS = 10;

export async function run(io: Io, deps: Deps, options: SplitOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, async (kube) => {
    const namespace = options.namespace ?? kube.connection.namespace;
    await needGatewayApi(kube);
    const before = await findSplit(kube, namespace, options.service);
    const { action } = options;
    if (action.kind === 'set') return set(io, kube, namespace, options, action.weights, before);
    if (before === undefined) throw new CliError(`Service ${options.service} in namespace ${namespace} has no split. Make one with: kubectl mesh split svc/${options.service} NAME=90 OTHER=10 -n ${namespace}`);
    return action.kind === 'remove' ? remove(io, kube, namespace, options, before) : show(io, kube, namespace, options, before);
  });
}

async function set(io: Io, kube: KubeClient, namespace: string, options: SplitOptions, weights: readonly Weight[], before: HttpRoute | undefined): Promise<ExitCode> {
  const service = await kube.get(KINDS.services, options.service, namespace);
  const port = portOf(service, options.port);
  const backends = await inParallel(weights, 8, async (w) => ({ ...w, port: backendPort(await kube.get(KINDS.services, w.service, namespace), port) }));
  const route = splitRoute(namespace, service, port, backends);
  if (options.output !== undefined) {
    print(io, options.output, route);
    return EXIT.ok;
  }
  const was = before === undefined ? [{ service: options.service, weight: 1 }] : weightsOf(before);
  io.stdout.write(`Traffic for svc/${options.service} port ${port} in namespace ${namespace}:\n${changes(was, weights)}`);
  const others = await otherRoutes(kube, namespace, options.service);
  if (others.length > 0) io.stderr.write(`Note: the Service has other HTTPRoutes (${others.join(', ')}). A request that one of them matches more closely goes where that one says.\n`);
  await kube.apply(KINDS.httproutes, route, { force: true, dryRun: options.dryRun });
  if (options.dryRun) {
    io.stderr.write('Nothing was changed (--dry-run).\n');
    return EXIT.ok;
  }
  await awaitAccepted(io, kube, KINDS.httproutes, namespace, routeName(options.service));
  io.stderr.write(`HTTPRoute ${routeName(options.service)} is in force. End the split with: kubectl mesh split svc/${options.service} --remove -n ${namespace}\n`);
  await watch(io, kube, namespace, weights, options.watchMs);
  return EXIT.ok;
}

async function remove(io: Io, kube: KubeClient, namespace: string, options: SplitOptions, before: HttpRoute): Promise<ExitCode> {
  io.stdout.write(`Traffic for svc/${options.service} in namespace ${namespace}:\n${changes(weightsOf(before), [{ service: options.service, weight: 1 }])}`);
  await kube.delete(KINDS.httproutes, routeName(options.service), namespace, { dryRun: options.dryRun });
  io.stderr.write(options.dryRun ? 'Nothing was changed (--dry-run).\n' : `The split is ended: svc/${options.service} gets its own traffic again.\n`);
  return EXIT.ok;
}

async function show(io: Io, kube: KubeClient, namespace: string, options: SplitOptions, route: HttpRoute): Promise<ExitCode> {
  if (options.output === undefined) io.stdout.write(effect(weightsOf(route), await look(io, kube, namespace)));
  else print(io, options.output, route);
  return EXIT.ok;
}

/** A route as kubectl get prints it: without who manages which of its fields. */
function print(io: Io, output: 'yaml' | 'json', { metadata, ...rest }: HttpRoute): void {
  const { managedFields: _, ...shown } = metadata;
  const { apiVersion, kind, ...more } = rest;
  const route = { apiVersion, kind, metadata: shown, ...more };
  io.stdout.write(output === 'json' ? `${JSON.stringify(route, null, 2)}\n` : stringify(route));
}

/** Shows where the traffic goes, every few seconds. */
async function watch(io: Io, kube: KubeClient, namespace: string, weights: readonly Weight[], forMs: number): Promise<void> {
  for (const until = io.now() + forMs; io.now() < until && !io.signal.aborted;) {
    await io.sleep(Math.min(LOOK_EVERY_MS, until - io.now()));
    if (!io.signal.aborted) io.stdout.write(`\n${effect(weights, await look(io, kube, namespace))}`);
  }
}

async function look(io: Io, kube: KubeClient, namespace: string): Promise<Map<string, TrafficMetrics>> {
  const items = await getList<TrafficMetrics>(kube, METRICS_GROUP, METRICS_VERSION, 'trafficmetrics', { namespace, query: { kind: 'service', window: `${WINDOW_SECONDS}s` }, signal: io.signal });
  return new Map(items.map((m) => [m.workload.name, m]));
}
