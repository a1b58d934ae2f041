import type { Condition, KubeObject } from './types.ts';

/**
 * Shapes of the Gateway API as far as a mesh reads and writes them: gateway.networking.k8s.io v1 of release 1.6 (experimental fields included) and
 * gateway.networking.x-k8s.io/v1alpha1 XBackendTrafficPolicy. Durations are strings as GEP-2257 has them (`1h30m`, `100ms`). Fields for which the
 * API server has a default are optional here, because stored objects may be older than the default.
 */
export interface ParentReference {
  /** absent is the group of Gateways; '' is that of Services */
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

export interface BackendObjectReference {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
  port?: number;
}

export interface BackendRef extends BackendObjectReference {
  weight?: number;
}

export interface ValueMatch {
  type?: string;
  name: string;
  value: string;
}

export interface HttpRouteMatch {
  path?: { type?: string; value?: string };
  headers?: ValueMatch[];
  queryParams?: ValueMatch[];
  method?: string;
}

export interface NameValue { name: string; value: string }

export interface HeaderFilter {
  set?: NameValue[];
  add?: NameValue[];
  remove?: string[];
}

export interface PathModifierSpec {
  type: string;
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

/** A filter of an HTTPRoute; those of a GRPCRoute are some of them. */
export interface RouteFilter {
  type: string;
  requestHeaderModifier?: HeaderFilter;
  responseHeaderModifier?: HeaderFilter;
  requestMirror?: { backendRef: BackendObjectReference; percent?: number; fraction?: { numerator: number; denominator?: number } };
  requestRedirect?: { scheme?: string; hostname?: string; path?: PathModifierSpec; port?: number; statusCode?: number };
  urlRewrite?: { hostname?: string; path?: PathModifierSpec };
  extensionRef?: { group: string; kind: string; name: string };
}

export interface FilteredBackendRef extends BackendRef {
  filters?: RouteFilter[];
}

export interface SessionPersistence {
  sessionName?: string;
  absoluteTimeout?: string;
  type?: string;
  cookieConfig?: { lifetimeType?: string };
}

export interface HttpRouteRule {
  name?: string;
  matches?: HttpRouteMatch[];
  filters?: RouteFilter[];
  backendRefs?: FilteredBackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
  retry?: { codes?: number[]; attempts?: number; backoff?: string };
  sessionPersistence?: SessionPersistence;
}

export interface GrpcRouteMatch {
  method?: { type?: string; service?: string; method?: string };
  headers?: ValueMatch[];
}

export interface GrpcRouteRule {
  name?: string;
  matches?: GrpcRouteMatch[];
  filters?: RouteFilter[];
  backendRefs?: FilteredBackendRef[];
  sessionPersistence?: SessionPersistence;
}

export interface StreamRouteRule {
  name?: string;
  backendRefs?: BackendRef[];
}

export interface RouteParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions?: (Condition & { observedGeneration?: number })[];
}

export interface RouteOf<R> extends KubeObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: R[] };
  status?: { parents?: RouteParentStatus[] };
}

export type HttpRoute = RouteOf<HttpRouteRule>;
export type GrpcRoute = RouteOf<GrpcRouteRule>;
export type TlsRoute = RouteOf<StreamRouteRule>;
export type TcpRoute = RouteOf<StreamRouteRule>;

export interface ReferenceGrant extends KubeObject {
  spec: { from: { group: string; kind: string; namespace: string }[]; to: { group: string; kind: string; name?: string }[] };
}

export interface BackendTrafficPolicy extends KubeObject {
  spec: {
    targetRefs: { group: string; kind: string; name: string }[];
    retryConstraint?: { budget?: { percent?: number; interval?: string }; minRetryRate?: { count?: number; interval?: string } };
    sessionPersistence?: SessionPersistence;
  };
  /** GEP-713 PolicyStatus */
  status?: { ancestors?: PolicyAncestorStatus[] };
}

export interface PolicyAncestorStatus {
  ancestorRef: ParentReference;
  controllerName: string;
  conditions?: (Condition & { observedGeneration?: number })[];
}
