import type { Clock } from '../clock.ts';
import type { Connection } from './connection.ts';
import { KubeError } from './error.ts';
import { apiVersionOf, pathOf } from './resources.ts';
import type { Resource } from './resources.ts';
import { createTransport } from './transport.ts';
import type { RawRequest, Transport } from './transport.ts';
import type { KubeList, KubeObject, Status } from './types.ts';

export interface ListOptions {
  /** default: all namespaces */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface PageOptions extends ListOptions {
  limit?: number;
  continue?: string | undefined;
  resourceVersion?: string | undefined;
}

export interface WriteOptions {
  /** validate and admit, but store nothing */
  dryRun?: boolean;
  fieldManager?: string;
  subresource?: string;
  signal?: AbortSignal | undefined;
}

export interface ApplyOptions extends WriteOptions {
  /** take over fields that another manager owns */
  force?: boolean;
}

export type Patch =
  | { type: 'json'; body: unknown[] }
  | { type: 'merge'; body: unknown }
  | { type: 'strategic'; body: unknown };

const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

/** What the mesh does with the Kubernetes API. Every call throws KubeError. `namespace` is ignored for cluster-scoped resources. */
export interface KubeClient extends Transport {
  readonly connection: Connection;
  get<T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string, signal?: AbortSignal): Promise<T>;
  /** One page. */
  page<T extends KubeObject>(resource: Resource<T>, options?: PageOptions): Promise<KubeList<T>>;
  /** All pages. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<T[]>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces the object; with metadata.resourceVersion only if nobody changed it. */
  replace<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(resource: Resource<T>, name: string, namespace: string | undefined, patch: Patch, options?: WriteOptions): Promise<T>;
  /** Server-side apply. */
  apply<T extends KubeObject>(resource: Resource<T>, object: T, options?: ApplyOptions): Promise<T>;
  delete<T extends KubeObject>(
    resource: Resource<T>, name: string, namespace?: string,
    options?: { propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'; uid?: string; dryRun?: boolean },
  ): Promise<T | Status>;
  /** raw with a JSON body in and out */
  json<T>(request: Omit<RawRequest, 'body'> & { body?: unknown }): Promise<T>;
  close(): void;
}

export interface ClientOptions {
  connection: Connection;
  /** also the default field manager */
  name: string;
  clock?: Clock;
  /** told of every page of a list that is asked for */
  onList?: ((resource: Resource) => void) | undefined;
}

const PAGE_SIZE = 500;

export function createKubeClient({ connection, name: manager, clock, onList }: ClientOptions): KubeClient {
  const transport = createTransport(connection, manager, clock);

  async function json<T>(request: Omit<RawRequest, 'body'> & { body?: unknown }): Promise<T> {
    const { body, ...rest } = request;
    const headers = body === undefined ? request.headers : { 'content-type': 'application/json', ...request.headers };
    const answer = await transport.raw({ ...rest, ...(headers && { headers }), body: body === undefined ? undefined : JSON.stringify(body) });
    try {
      return JSON.parse(answer.body.toString('utf8')) as T;
    } catch (cause) {
      throw new KubeError(answer.status, 'InvalidResponse', `${request.what ?? request.path}: the answer is not JSON; is this address a Kubernetes API server?`, undefined, cause);
    }
  }

  const inNamespace = (object: KubeObject): string => object.metadata.namespace ?? connection.namespace;
  const query = (options: WriteOptions | undefined) => ({
    dryRun: options?.dryRun ? 'All' : undefined,
    fieldManager: options?.fieldManager ?? manager,
  });
  const typed = <T extends KubeObject>(resource: Resource<T>, object: T): T => ({ ...object, apiVersion: apiVersionOf(resource), kind: resource.kind });
  const label = (verb: string, resource: Resource, namespace: string | undefined, name = '') =>
    `${verb} ${resource.plural} ${resource.namespaced && namespace ? `${namespace}/` : ''}${name}`.trimEnd();

  function write<T extends KubeObject>(
    verb: string, method: 'POST' | 'PUT' | 'PATCH', resource: Resource<T>, object: T, options: ApplyOptions | undefined, headers?: Record<string, string>,
  ): Promise<T> {
    const namespace = inNamespace(object);
    const { name } = object.metadata;
    return json<T>({
      method,
      path: pathOf(resource, namespace, method === 'POST' ? undefined : name, options?.subresource),
      query: { ...query(options), force: options?.force },
      ...(headers && { headers }),
      body: typed(resource, object),
      signal: options?.signal,
      what: label(verb, resource, namespace, name),
    });
  }

  async function page<T extends KubeObject>(resource: Resource<T>, options: PageOptions = {}): Promise<KubeList<T>> {
    const { namespace, signal, ...selectors } = options;
    onList?.(resource);
    return json<KubeList<T>>({ path: pathOf(resource, namespace), query: selectors, signal, what: label('list', resource, namespace) });
  }

  return {
    connection,
    raw: (request) => transport.raw(request),
    stream: (request) => transport.stream(request),
    json,
    page,
    get: (resource, name, namespace = connection.namespace, signal) =>
      json({ path: pathOf(resource, namespace, name), signal, what: label('get', resource, namespace, name) }),
    async list(resource, options = {}) {
      const items: Awaited<ReturnType<typeof page<NonNullable<typeof resource.shape>>>>['items'] = [];
      let next: string | undefined;
      do {
        const one = await page(resource, { ...options, limit: PAGE_SIZE, continue: next });
        items.push(...one.items);
        next = one.metadata.continue || undefined;
      } while (next !== undefined);
      return items;
    },
    create: (resource, object, options) => write('create', 'POST', resource, object, options),
    replace: (resource, object, options) => write('replace', 'PUT', resource, object, options),
    apply: (resource, object, options) =>
      write('apply', 'PATCH', resource, object, options, { 'content-type': 'application/apply-patch+yaml' }),
    patch: (resource, name, namespace, patch, options) => json({
      method: 'PATCH',
      path: pathOf(resource, namespace ?? connection.namespace, name, options?.subresource),
      query: query(options),
      headers: { 'content-type': PATCH_TYPES[patch.type] },
      body: patch.body,
      signal: options?.signal,
      what: label('patch', resource, namespace, name),
    }),
    delete: (resource, name, namespace = connection.namespace, options = {}) => json({
      method: 'DELETE',
      path: pathOf(resource, namespace, name),
      body: {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        ...(options.propagationPolicy && { propagationPolicy: options.propagationPolicy }),
        ...(options.uid && { preconditions: { uid: options.uid } }),
        ...(options.dryRun && { dryRun: ['All'] }),
      },
      what: label('delete', resource, namespace, name),
    }),
    close: () => connection.close(),
  };
}
