import type { HttpFault } from '../../api/crds/http-fault.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { BackendTrafficPolicy, RouteOf } from '../../lib/kube/gateway-api.ts';
import { GATEWAY_GROUP, RESOURCES } from '../../lib/kube/resources.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import { keyOf } from '../../lib/kube/store.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import type { WatchLog } from '../../lib/kube/watch.ts';
import { byAge } from './age.ts';
import { optionalWatch } from './optional-watch.ts';
import type { OptionalWatch } from './optional-watch.ts';
import { routeToken } from './route-view.ts';
import type { Route, RouteKind, RouteView } from './route-view.ts';
import { watchServed } from './served.ts';
import { trimFault, trimGrant, trimRoute, trimTrafficPolicy } from './trim-routes.ts';

/** The Gateway API's objects as policy sees them, and what its routes refer to: nothing at all in a cluster that lacks the CustomResourceDefinitions. */
export interface Routes {
  readonly view: RouteView;
  readonly synced: Promise<void>;
  problem(): string | null;
  onChange(listener: (token: string) => void): () => void;
  /** every route there is */
  all(): Route[];
  faults(): Iterable<HttpFault>;
  trafficPolicies(): Iterable<BackendTrafficPolicy>;
  /** where routes of a kind are written; undefined while the cluster has none */
  resource(kind: RouteKind): Resource | undefined;
  stop(): Promise<void>;
}

export interface RoutesOptions { client: KubeClient; log: WatchLog; clock: Clock; random?: () => number }

/** A kind in another version beside the one in the table: older releases of the Gateway API served only that. */
const older = <T extends KubeObject>(resource: Resource<T>, ...versions: string[]): Resource<T>[] => [resource, ...versions.map((version) => ({ ...resource, version }))];

export function watchRoutes({ client, log, clock, random = Math.random }: RoutesOptions): Routes {
  const listeners = new Set<(token: string) => void>();
  const tell = (tokens: Iterable<string>) => {
    for (const one of new Set(tokens)) for (const listener of listeners) listener(one);
  };
  const served = watchServed({ client, groups: [GATEWAY_GROUP, RESOURCES.xbackendtrafficpolicies.group, RESOURCES.httpfaults.group], clock, log });
  const shared = { client, log, clock, random, served };

  function routes<T extends RouteOf<unknown>>(kind: RouteKind, forms: Resource<T>[]): OptionalWatch<T> {
    return optionalWatch<T>({
      ...shared, forms, trim: trimRoute, indexes: { parent: parentsOf },
      changed: (...versions) => tell(versions.flatMap((route) => (route ? [routeToken.route(kind, keyOf(route)), ...parentsOf(route).map(routeToken.routesOf)] : []))),
    });
  }
  const http = routes('HTTPRoute', older(RESOURCES.httproutes, 'v1beta1'));
  const grpc = routes('GRPCRoute', [RESOURCES.grpcroutes]);
  const tls = routes('TLSRoute', older(RESOURCES.tlsroutes, 'v1alpha3', 'v1alpha2'));
  const tcp = routes('TCPRoute', older(RESOURCES.tcproutes, 'v1alpha2'));
  const grants = optionalWatch({
    ...shared, forms: older(RESOURCES.referencegrants, 'v1'), trim: trimGrant, indexes: { namespace: (grant) => [grant.metadata.namespace ?? ''] },
    changed: (now, old) => tell([routeToken.grants((now ?? old)!.metadata.namespace ?? '')]),
  });
  const policies = optionalWatch({
    ...shared, forms: [RESOURCES.xbackendtrafficpolicies], trim: trimTrafficPolicy, indexes: { target: targetsOf },
    changed: (...versions) => tell(versions.flatMap((policy) => (policy ? [routeToken.trafficPolicy(keyOf(policy)), ...targetsOf(policy).map(routeToken.trafficPolicies)] : []))),
  });
  const faults = optionalWatch({
    ...shared, forms: [RESOURCES.httpfaults], trim: trimFault, indexes: {},
    changed: (now, old) => tell([routeToken.fault(keyOf((now ?? old)!))]),
  });
  const watches = { httproutes: http, grpcroutes: grpc, tlsroutes: tls, tcproutes: tcp, referencegrants: grants, xbackendtrafficpolicies: policies, httpfaults: faults };

  const collect = (list: <T extends RouteOf<unknown>>(watch: OptionalWatch<T>) => Iterable<T>): Route[] => [
    ...Array.from(list(http), (object) => ({ kind: 'HTTPRoute', object }) as const),
    ...Array.from(list(grpc), (object) => ({ kind: 'GRPCRoute', object }) as const),
    ...Array.from(list(tls), (object) => ({ kind: 'TLSRoute', object }) as const),
    ...Array.from(list(tcp), (object) => ({ kind: 'TCPRoute', object }) as const),
  ];
  const byKind = { HTTPRoute: http, GRPCRoute: grpc, TLSRoute: tls, TCPRoute: tcp } as const;
  return {
    view: {
      route(kind, key) {
        const object = byKind[kind].store.get(key);
        return object && { kind, object };
      },
      routesOf: (serviceKey) => collect((watch) => watch.store.by('parent', serviceKey)),
      grants: (namespace) => grants.store.by('namespace', namespace),
      trafficPolicies: (serviceKey) => policies.store.by('target', serviceKey).sort(byAge),
      trafficPolicy: (key) => policies.store.get(key),
      fault: (key) => faults.store.get(key),
    },
    synced: Promise.all(Object.values(watches).map((watch) => watch.synced)).then(() => undefined),
    problem() {
      const missing = Object.entries(watches).flatMap(([name, watch]) => (watch.problem() === null ? [] : [`${name} ${watch.problem()}`]));
      return missing.length === 0 ? null : missing.join('; ');
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    all: () => collect((watch) => watch.store.values()),
    faults: () => faults.store.values(),
    trafficPolicies: () => policies.store.values(),
    resource: (kind) => byKind[kind].resource(),
    async stop() {
      listeners.clear();
      await served.stop();
      await Promise.all(Object.values(watches).map((watch) => watch.stop()));
    },
  };
}

/** Keys of the services that a route names as parents. */
function parentsOf(route: RouteOf<unknown>): string[] {
  const services = (route.spec.parentRefs ?? []).filter(({ group, kind }) => (group === '' || group === 'core') && kind === 'Service');
  return [...new Set(services.map(({ namespace, name }) => `${namespace ?? route.metadata.namespace}/${name}`))];
}

/** The services that a traffic policy names, all of its own namespace. */
export function serviceTargets({ metadata, spec }: BackendTrafficPolicy): { name: string; key: string }[] {
  return spec.targetRefs.filter(({ group, kind }) => (group === '' || group === 'core') && kind === 'Service').map(({ name }) => ({ name, key: `${metadata.namespace}/${name}` }));
}

const targetsOf = (policy: BackendTrafficPolicy): string[] => serviceTargets(policy).map(({ key }) => key);
