import type { FastifyReply } from 'fastify';
import type { User } from './front-proxy.ts';
import { notFound } from './status.ts';

/** One resource that a group serves, or with a slash one subresource. */
export interface ApiResource {
  /** plural, e.g. trafficmetrics or deployments/tap */
  name: string;
  singularName: string;
  kind: string;
  namespaced: boolean;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
}

/** A request to a resource, authenticated and authorized. */
export interface ApiRequest {
  user: User;
  resource: string;
  subresource: string | undefined;
  namespace: string | undefined;
  name: string | undefined;
  query: URLSearchParams;
  /** the caller prefers a meta.k8s.io/v1 Table */
  table: boolean;
  /** aborted when the caller has gone */
  signal: AbortSignal;
}

/** An API group as a service contributes it. */
export interface ApiGroup {
  group: string;
  version: string;
  resources: ApiResource[];
  /** OpenAPI v3 schemas of the kinds, by kind */
  schemas: Record<string, object>;
  /** Answers by value, or writes through `reply` and returns undefined. Throws ApiError. */
  handle(request: ApiRequest, reply: FastifyReply): Promise<unknown>;
}

/** The parts of a path below /apis/GROUP/VERSION/ and the RBAC verb of reading it. */
export interface Target { resource: string; subresource: string | undefined; namespace: string | undefined; name: string | undefined; verb: string }

/** Reads [watch/][namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]. Throws ApiError 404. */
export function parseTarget(path: string, query: URLSearchParams): Target {
  const parts = path.split('/').map(decode);
  const watched = parts[0] === 'watch';
  if (watched) parts.shift();
  let namespace: string | undefined;
  if (parts[0] === 'namespaces' && parts.length > 2) [, namespace] = parts.splice(0, 2);
  const [resource = '', name, subresource, ...rest] = parts;
  if (resource === '' || name === '' || subresource === '' || rest.length > 0) throw notFound('the server could not find the requested resource');
  const watch = watched || ['1', 'true', 't', 'T', 'TRUE', 'True'].includes(query.get('watch') ?? '');
  return { resource, subresource, namespace, name, verb: watch ? 'watch' : name === undefined ? 'list' : 'get' };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notFound('the server could not find the requested resource');
  }
}

/** Whether an Accept header asks for a Table first: as=Table with a version that we write. */
export function wantsTable(accept: string | undefined): boolean {
  const first = (accept ?? '').split(',').map((p) => p.trim().replaceAll(' ', '')).find((p) => p.startsWith('application/json') || p === '*/*');
  return first !== undefined && /;as=Table(;|$)/.test(first) && /;v=v1(;|$)/.test(first);
}
