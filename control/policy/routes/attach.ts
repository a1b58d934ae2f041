import type { ParentReference } from '../../../lib/kube/gateway-api.ts';
import { keyOf } from '../../../lib/kube/store.ts';
import type { Service, ServicePort } from '../../../lib/kube/types.ts';
import { byAge } from '../../cluster/age.ts';
import { isOpaqueServicePort } from '../../cluster/mesh.ts';
import type { Route, RouteKind } from '../../cluster/route-view.ts';
import type { Reference, RequestMatch } from '../model.ts';
import type { Distribution, GrpcMatch, OutboundRule } from '../outbound/model.ts';
import { routeReference, settingsOf } from './context.ts';
import type { RouteContext, Sources } from './context.ts';
import { Problems } from './problems.ts';
import { grpcRules, httpRules, streamRules } from './rules.ts';

/** The rules of a route as one port of a service sees them. */
export type CompiledRules =
  | { kind: 'HTTPRoute'; rules: OutboundRule<RequestMatch>[] }
  | { kind: 'GRPCRoute'; rules: OutboundRule<GrpcMatch>[] }
  | { kind: 'TLSRoute' | 'TCPRoute'; rules: Distribution[] };

export interface Attached { route: Route; reference: Reference; compiled: CompiledRules; problems: Problems }

/** What the routes of one port come to, for the clients of one namespace. */
export interface PortRoutes {
  /** of one kind, in order of precedence */
  attached: Attached[];
  /** those that give way, and why */
  rejected: { attached: Attached; message: string }[];
}

export const isServiceParent = ({ group, kind }: ParentReference): boolean => (group === '' || group === 'core') && kind === 'Service';

/** TCP ports of a service that a parentRef means. */
export function portsOf({ port, sectionName }: ParentReference, service: Service): ServicePort[] {
  return (service.spec.ports ?? []).filter((one) =>
    (one.protocol ?? 'TCP') === 'TCP' && (port === undefined || one.port === port) && (sectionName === undefined || sectionName === '' || one.name === sectionName));
}

export function namesPort(route: Route, service: Service, port: number): boolean {
  const { namespace, name } = service.metadata;
  return (route.object.spec.parentRefs ?? []).some((ref) =>
    isServiceParent(ref) && ref.name === name && (ref.namespace ?? route.object.metadata.namespace) === namespace && portsOf(ref, service).some((one) => one.port === port));
}

/**
 * Consumers' routes, where there are any, in place of the producer's (GEP-1426). Among them one kind: HTTPRoutes or GRPCRoutes, whichever has the
 * oldest route, before TLSRoutes, before TCPRoutes. A route none of whose rules can be followed takes no part.
 */
export function routesOfPort(service: Service, port: number, clients: string | undefined, sources: Sources): PortRoutes {
  const own = service.metadata.namespace;
  const all = sources.view.routesOf(keyOf(service)).filter((route) => namesPort(route, service, port)).sort((a, b) => byAge(a.object, b.object));
  const consumers = clients === undefined || clients === own ? [] : usable(all.filter((route) => route.object.metadata.namespace === clients), service, port, sources);
  const candidates = consumers.length > 0 ? consumers : usable(all.filter((route) => route.object.metadata.namespace === own), service, port, sources);
  const opaque = isOpaqueServicePort(service, port, sources.view, sources.config);
  const fitting = opaque ? candidates.filter(({ route }) => isStream(route.kind)) : candidates;
  const winner = (fitting.find(({ route }) => !isStream(route.kind)) ?? fitting.find(({ route }) => route.kind === 'TLSRoute') ?? fitting[0])?.route;
  const attached = fitting.filter(({ route }) => route.kind === winner?.kind);
  noteOverlaps(attached);
  return {
    attached,
    rejected: candidates.filter((one) => !attached.includes(one)).map((one) => ({
      attached: one,
      message: opaque && !isStream(one.route.kind)
        ? `port ${port} is opaque: nobody looks at requests there`
        : `${winner!.kind} ${keyOf(winner!.object)} is attached to port ${port}, and routes of one kind alone can be`,
    })),
  };
}

const isStream = (kind: RouteKind): boolean => kind === 'TLSRoute' || kind === 'TCPRoute';

function usable(routes: Route[], service: Service, port: number, sources: Sources): Attached[] {
  return routes.map((route) => compileRoute(route, service, port, sources)).filter(({ compiled }) => compiled.rules.length > 0);
}

export function compileRoute(route: Route, service: Service, port: number, sources: Sources): Attached {
  const { namespace = '' } = route.object.metadata;
  const reference = routeReference(route);
  const problems = new Problems();
  const context: RouteContext = {
    ...sources, kind: route.kind, namespace, service, port, routeSettings: sources.settings.of(route.object, reference), serviceSettings: settingsOf(service, sources),
  };
  for (const { message } of context.routeSettings.problems) problems.field('metadata.annotations', message);
  return { route, reference, problems, compiled: rulesOf(route, context, problems) };
}

function rulesOf(route: Route, context: RouteContext, problems: Problems): CompiledRules {
  switch (route.kind) {
    case 'HTTPRoute':
      return { kind: 'HTTPRoute', rules: httpRules(route.object, context, problems) };
    case 'GRPCRoute':
      return { kind: 'GRPCRoute', rules: grpcRules(route.object, context, problems) };
    case 'TLSRoute':
    case 'TCPRoute':
      return { kind: route.kind, rules: streamRules(route.object, context, problems) };
  }
}

/** A match that an older route has too gets no request. */
function noteOverlaps(attached: Attached[]): void {
  const seen = new Map<string, Attached>();
  for (const one of attached) {
    if (one.compiled.kind !== 'HTTPRoute' && one.compiled.kind !== 'GRPCRoute') continue;
    const mine = new Set<string>();
    for (const match of one.compiled.rules.flatMap((rule): object[] => rule.matches)) {
      const key = JSON.stringify(match);
      const other = seen.get(key);
      if (other) one.problems.field('rules', `match ${key} is also in ${other.route.kind} ${keyOf(other.route.object)}, which comes first`);
      mine.add(key);
    }
    for (const key of mine) if (!seen.has(key)) seen.set(key, one);
  }
}
