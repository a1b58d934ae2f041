import type { BackendObjectReference, FilteredBackendRef } from '../../../lib/kube/gateway-api.ts';
import { GATEWAY_GROUP } from '../../../lib/kube/resources.ts';
import type { Service } from '../../../lib/kube/types.ts';
import { servicePort } from '../../../lib/mesh/service-port.ts';
import type { Backend, Distribution, Filter, RouteBackend, SessionAffinity } from '../outbound/model.ts';
import { serviceBackend } from './context.ts';
import type { RouteContext } from './context.ts';
import { failoverChain } from './failover.ts';
import type { Problems } from './problems.ts';

/** The backend that a reference means; undefined, and a problem, when it means none. */
export function resolveBackend(ref: BackendObjectReference, where: string, context: RouteContext, problems: Problems): Backend | undefined {
  const found = resolveService(ref, where, context, problems);
  return found && serviceBackend(found.service, found.port, context);
}

function resolveService(ref: BackendObjectReference, where: string, context: RouteContext, problems: Problems): { service: Service; port: number } | undefined {
  const { group = '', kind = 'Service', name, namespace = context.namespace, port } = ref;
  if ((group !== '' && group !== 'core') || kind !== 'Service') return problems.reference('InvalidKind', where, `a ${kind} of group "${group}" is no backend: only Services are`);
  const key = `${namespace}/${name}`;
  if (!isPermitted(key, ref, context)) {
    return problems.reference('RefNotPermitted', where, `Service ${key} is in another namespace, where no ReferenceGrant lets ${context.kind}s of ${context.namespace} refer to it`);
  }
  const service = context.view.service(key);
  if (service === undefined) return problems.reference('BackendNotFound', where, `there is no Service ${key}`);
  if (service.spec.type === 'ExternalName') return problems.reference('BackendNotFound', where, `Service ${key} is of type ExternalName and has no endpoints; refer to the Service that it stands for`);
  if (port === undefined) return problems.reference('BackendNotFound', where, `the reference to Service ${key} names no port`);
  if (servicePort(service, port) === undefined) return problems.reference('BackendNotFound', where, `Service ${key} has no TCP port ${port}`);
  return { service, port };
}

/** References within a namespace are; so is a consumer's to the very service that its route is for. Others take a ReferenceGrant. */
function isPermitted(key: string, { namespace = '', name }: BackendObjectReference, { namespace: own, kind, service, view }: RouteContext): boolean {
  if (namespace === '' || namespace === own || key === `${service.metadata.namespace}/${service.metadata.name}`) return true;
  return view.grants(namespace).some(({ spec }) =>
    spec.from.some((from) => from.group === GATEWAY_GROUP && from.kind === kind && from.namespace === own)
    && spec.to.some((to) => to.group === '' && to.kind === 'Service' && (to.name === undefined || to.name === '' || to.name === name)));
}

export interface DistributionOptions {
  /** of one backendRef; its problems are written by the caller's compile step */
  filters: (ref: FilteredBackendRef, where: string) => Filter[];
  /** what every backend of the rule has, whatever its service says */
  affinity?: SessionAffinity | undefined;
}

/**
 * Where a rule's references lead. Shares of references that mean nothing fail, in proportion; without references, requests go to the service
 * itself. Each reference fails over as its service says.
 */
export function distribution(refs: FilteredBackendRef[] | undefined, where: string, context: RouteContext, problems: Problems, options: DistributionOptions): Distribution {
  const own = (backend: Backend): Backend => (options.affinity ? { ...backend, affinity: options.affinity } : backend);
  if (!refs?.length) return { kind: 'first', backends: failoverChain(context.service, context.port, context).map((backend) => plain(own(backend))) };
  const resolved = refs.map((ref, i): { backend: RouteBackend; chain: Backend[] } => {
    const at = `${where}.backendRefs[${i}]`;
    const weight = ref.weight ?? 1;
    const filters = options.filters(ref, at);
    const found = resolveService(ref, at, context, problems);
    if (found === undefined) return { backend: failing(`${at}: backend is invalid`, weight, context), chain: [] };
    const [first, ...chain] = failoverChain(found.service, found.port, context).map(own);
    return { backend: { backend: first!, filters, weight }, chain };
  });
  const used = resolved.filter(({ backend }) => backend.weight > 0);
  const [only, ...others] = used;
  if (only === undefined) {
    problems.field(`${where}.backendRefs`, 'no weight is above zero, so every request fails');
    return { kind: 'first', backends: [failing('no backend has a weight', 1, context)] };
  }
  if (others.length === 0) return { kind: 'first', backends: [only.backend, ...only.chain.map(plain)] };
  return { kind: 'weighted', backends: used.map(({ backend, chain }) => ({ ...backend, failover: chain.map(plain) })) };
}

function plain(backend: Backend): RouteBackend {
  return { backend, filters: [], weight: 1 };
}

/** Answers 500 (UNAVAILABLE on gRPC). Proxies want a backend there all the same; it gets no request. */
function failing(message: string, weight: number, context: RouteContext): RouteBackend {
  const { destination } = serviceBackend(context.service, context.port, context);
  return { backend: { reference: { kind: 'default', name: 'invalid' }, destination }, filters: [{ kind: 'fail', message }], weight };
}

