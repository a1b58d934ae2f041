/**
 * What a policy is before it becomes a message: plain data, made by the compile steps from Kubernetes resources, and turned into protobuf by the
 * control plane or decided upon by the plugin. Durations are milliseconds. Nothing here is changed once made.
 */

/** Where a setting comes from: a Kubernetes resource, or a default by its name. Becomes metric labels. */
export type Reference =
  | { kind: 'default'; name: string }
  | { kind: 'resource'; group: string; type: string; name: string; namespace: string; port?: number };

export interface PathMatch { kind: 'exact' | 'prefix' | 'regex'; value: string }

/** On a header or a query parameter; names of headers are in lower case. */
export interface ValueMatch { name: string; kind: 'exact' | 'regex'; value: string }

export interface RequestMatch {
  path: PathMatch;
  /** upper case; any when absent */
  method?: string;
  /** all of them */
  headers?: ValueMatch[];
  query?: ValueMatch[];
}

/** Who may connect: anybody, any client over mesh TLS, or clients with one of these identities. */
export type Clients =
  | { kind: 'anybody' }
  | { kind: 'any-tls' }
  | { kind: 'identities'; exact: string[]; /** name parts after the wildcard; [] is everybody with an identity */ suffixes: string[][] };

export interface Authorization {
  reference: Reference;
  /** CIDRs; at least one */
  networks: string[];
  /** CIDRs within those that are not meant */
  except?: string[];
  clients: Clients;
  /** allow when absent */
  action?: 'allow' | 'deny' | 'audit';
  /** any one of them; every request, and opaque bytes, when absent */
  requests?: RequestMatch[];
}

export interface InboundRoute {
  reference: Reference;
  /** besides those of the port */
  authorizations: Authorization[];
  matches: RequestMatch[];
}

/** One port of one pod. */
export interface InboundPolicy {
  reference: Reference;
  protocol: 'detect' | 'opaque';
  detectTimeoutMs: number;
  authorizations: Authorization[];
  /** requests a second that the port takes, from all clients and from each; absent is without a limit */
  rateLimit?: { total?: number; perClient?: number };
  /** in order of precedence; the last one takes every request */
  routes: InboundRoute[];
}
