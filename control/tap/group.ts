import type { FastifyReply } from 'fastify';
import { TAP_GROUP, TAP_VERSION, type TapEvent, type WorkloadKind } from '../../api/metrics-api.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ApiGroup, ApiRequest } from '../aggregated/group.ts';
import { ApiError, badRequest } from '../aggregated/status.ts';
import type { PodDirectory } from '../metrics/directory.ts';
import { readSpec } from './request.ts';
import { type ObservePod, tap } from './session.ts';

export interface TapGroupDeps {
  directory: PodDirectory;
  observe: ObservePod;
  clock: Clock;
  /** aborted when the process stops */
  signal: AbortSignal;
}

const KINDS = new Map<string, WorkloadKind>([
  ['deployments', 'deployment'], ['statefulsets', 'statefulset'], ['daemonsets', 'daemonset'], ['replicasets', 'replicaset'],
  ['jobs', 'job'], ['cronjobs', 'cronjob'], ['pods', 'pod'], ['namespaces', 'namespace'],
]);
/** Bytes that may wait for a slow reader; events beyond are dropped, as the proxies do it. */
const MAX_WAITING = 1 << 20;

/** The API group tap.kubectl-mesh.io: one subresource `tap` per kind of workload. */
export function tapGroup({ directory, observe, clock, signal }: TapGroupDeps): ApiGroup {
  async function handle({ resource, namespace, name, query, signal: gone }: ApiRequest, reply: FastifyReply): Promise<undefined> {
    const kind = KINDS.get(resource)!;
    if (namespace === undefined || name === undefined) throw badRequest('tap is of one workload: …/namespaces/NAMESPACE/KIND/NAME/tap');
    const problem = directory.problem();
    if (problem !== null) throw new ApiError(503, 'ServiceUnavailable', `pods are not known yet: ${problem}`);
    const spec = readSpec(query, namespace);
    const { raw } = reply;
    const over = AbortSignal.any([gone, signal]);
    const early: TapEvent[] = [];
    let write = (event: TapEvent): void => void early.push(event);
    const { ended } = await tap({ kind, namespace, name, spec, directory, observe, clock, signal: over, emit: (event) => write(event) });
    reply.hijack();
    raw.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    raw.flushHeaders();
    write = (event) => {
      if (raw.writableLength < MAX_WAITING) raw.write(`${JSON.stringify(event)}\n`);
    };
    early.forEach(write);
    await ended;
    raw.end();
    return undefined;
  }

  return {
    group: TAP_GROUP,
    version: TAP_VERSION,
    schemas: {},
    resources: Array.from(KINDS, ([plural, kind]) => ({ name: `${plural}/tap`, singularName: kind, kind: 'Tap', namespaced: true, verbs: ['watch'] })),
    handle,
  };
}
