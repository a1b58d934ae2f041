import type { HttpFault } from '../../api/crds/http-fault.ts';
import type { BackendTrafficPolicy, GrpcRoute, HttpRoute, ReferenceGrant, TcpRoute, TlsRoute } from '../../lib/kube/gateway-api.ts';
import type { ClusterView } from './view.ts';
import { tracked } from './view.ts';

/** A route with its kind: lists leave it out of their items. */
export type Route =
  | { kind: 'HTTPRoute'; object: HttpRoute }
  | { kind: 'GRPCRoute'; object: GrpcRoute }
  | { kind: 'TLSRoute'; object: TlsRoute }
  | { kind: 'TCPRoute'; object: TcpRoute };
export type RouteKind = Route['kind'];

/** What computations may ask about the Gateway API's objects. Keys are namespace/name. */
export interface RouteView {
  route(kind: RouteKind, key: string): Route | undefined;
  /** routes of every kind that name this service as a parent */
  routesOf(serviceKey: string): Route[];
  /** grants that the owners of a namespace gave */
  grants(namespace: string): ReferenceGrant[];
  /** traffic policies that target this service, oldest first */
  trafficPolicies(serviceKey: string): BackendTrafficPolicy[];
  trafficPolicy(key: string): BackendTrafficPolicy | undefined;
  fault(key: string): HttpFault | undefined;
}

export type PolicyView = ClusterView & RouteView;

/** As view.ts has them for the rest of the cluster. */
export const routeToken = {
  route: (kind: RouteKind, key: string) => `${kind} ${key}`,
  routesOf: (serviceKey: string) => `routes ${serviceKey}`,
  grants: (namespace: string) => `grants ${namespace}`,
  trafficPolicies: (serviceKey: string) => `traffic-policies ${serviceKey}`,
  trafficPolicy: (key: string) => `XBackendTrafficPolicy ${key}`,
  fault: (key: string) => `fault ${key}`,
} as const;

/** The same view, noting the token of everything that is asked for, found or not. */
export function trackedPolicyView(view: PolicyView, note: (token: string) => void): PolicyView {
  return {
    ...tracked(view, note),
    route(kind, key) {
      note(routeToken.route(kind, key));
      return view.route(kind, key);
    },
    routesOf(serviceKey) {
      note(routeToken.routesOf(serviceKey));
      return view.routesOf(serviceKey);
    },
    grants(namespace) {
      note(routeToken.grants(namespace));
      return view.grants(namespace);
    },
    trafficPolicies(serviceKey) {
      note(routeToken.trafficPolicies(serviceKey));
      return view.trafficPolicies(serviceKey);
    },
    trafficPolicy(key) {
      note(routeToken.trafficPolicy(key));
      return view.trafficPolicy(key);
    },
    fault(key) {
      note(routeToken.fault(key));
      return view.fault(key);
    },
  };
}
