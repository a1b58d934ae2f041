import { ROUTE_PROBLEMS_CONDITION } from '../../../api/names.ts';
import type { ParentReference } from '../../../lib/kube/gateway-api.ts';
import type { Service } from '../../../lib/kube/types.ts';
import type { Route } from '../../cluster/route-view.ts';
import { compileRoute, isServiceParent, portsOf, routesOfPort } from '../routes/attach.ts';
import type { Attached } from '../routes/attach.ts';
import type { Sources } from '../routes/context.ts';
import type { Problem } from '../routes/problems.ts';

/** A condition as it follows from the cluster: times and generations are added when it is written. */
export interface Verdict { type: string; status: 'True' | 'False'; reason: string; message: string }

/** What one parentRef of a route comes to. */
export interface ParentReport { parentRef: ParentReference; conditions: Verdict[] }

/** The API server takes no more in a condition's message than 32 KiB. */
const MAX_MESSAGE = 16_384;

/** Reports on the parents of a route that are Services; the others are no business of a mesh. */
export function routeReports(route: Route, sources: Sources): ParentReport[] {
  return (route.object.spec.parentRefs ?? []).filter(isServiceParent).map((parentRef) => ({ parentRef, conditions: conditions(route, parentRef, sources) }));
}

function conditions(route: Route, ref: ParentReference, sources: Sources): Verdict[] {
  const key = `${ref.namespace ?? route.object.metadata.namespace}/${ref.name}`;
  const service = sources.view.service(key);
  const missing = service === undefined ? `there is no Service ${key}` : withoutFrontend(service) ?? noPort(ref, service);
  // References are looked at in any case: what they come to does not depend on the parent being there.
  const known = service ?? ({ metadata: { name: ref.name, namespace: key.split('/')[0]! }, spec: {} } satisfies Service);
  const ports = service === undefined ? [] : portsOf(ref, service).map(({ port }) => port);
  const compiled = attachedAt(route, known, ports, sources);
  const { problems } = compiled.attached;
  const dropped = problems.all.filter((problem) => problem.kind === 'rule');
  const unresolved = problems.all.filter((problem) => problem.kind === 'reference');
  const fields = problems.all.filter((problem) => problem.kind === 'field');
  const verdicts: Verdict[] = [accepted(missing, compiled, dropped)];
  if (verdicts[0]!.status === 'True' && dropped.length > 0) {
    verdicts.push({ type: 'PartiallyInvalid', status: 'True', reason: 'UnsupportedValue', message: text(`Dropped Rule: ${list(dropped)}`) });
  }
  verdicts.push(unresolved[0]
    ? { type: 'ResolvedRefs', status: 'False', reason: unresolved[0].reason, message: text(list(unresolved)) }
    : { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '' });
  if (fields.length > 0) verdicts.push({ type: ROUTE_PROBLEMS_CONDITION, status: 'True', reason: 'FieldsNotUsed', message: text(list(fields)) });
  return verdicts;
}

interface Placed { attached: Attached; /** undefined when a port has it */ rejected: string | undefined }

/** The route as the first of the ports that takes it has it, else as it would be, with the reason of the first that does not. */
function attachedAt(route: Route, service: Service, ports: number[], sources: Sources): Placed {
  const { namespace, name } = route.object.metadata;
  const mine = (one: Attached) => one.route.kind === route.kind && one.route.object.metadata.namespace === namespace && one.route.object.metadata.name === name;
  let refusal: Placed | undefined;
  for (const port of ports) {
    const { attached, rejected } = routesOfPort(service, port, namespace, sources);
    const found = attached.find(mine);
    if (found) return { attached: found, rejected: undefined };
    const refused = rejected.find((one) => mine(one.attached));
    if (refused) refusal ??= { attached: refused.attached, rejected: refused.message };
  }
  return refusal ?? { attached: compileRoute(route, service, ports[0] ?? 0, sources), rejected: undefined };
}

function accepted(missing: string | undefined, { attached, rejected }: Placed, dropped: (Problem & { kind: 'rule' })[]): Verdict {
  const no = (reason: string, message: string): Verdict => ({ type: 'Accepted', status: 'False', reason, message: text(message) });
  if (missing !== undefined) return no('NoMatchingParent', missing);
  if (attached.compiled.rules.length === 0) return no(dropped[0]?.reason ?? 'UnsupportedValue', dropped.length > 0 ? list(dropped) : 'the route has no rules');
  if (rejected !== undefined) return no('RouteConflict', rejected);
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' };
}

/** Routes are for connections to a service's own address. */
function withoutFrontend(service: Service): string | undefined {
  const name = `Service ${service.metadata.namespace}/${service.metadata.name}`;
  if (service.spec.type === 'ExternalName') return `${name} is of type ExternalName and has no address of its own`;
  const ips = (service.spec.clusterIPs ?? []).filter((ip) => ip !== '' && ip !== 'None');
  return ips.length === 0 ? `${name} is headless: it has no address of its own that routes could be for` : undefined;
}

function noPort(ref: ParentReference, service: Service): string | undefined {
  if (portsOf(ref, service).length > 0) return undefined;
  const wanted = [ref.port === undefined ? '' : ` ${ref.port}`, ref.sectionName ? ` of name "${ref.sectionName}"` : ''].join('');
  return `Service ${service.metadata.namespace}/${service.metadata.name} has no TCP port${wanted}`;
}

const list = (problems: Problem[]): string => problems.map(({ where, message }) => `${where}: ${message}`).join('; ');
const text = (message: string): string => (message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message);
