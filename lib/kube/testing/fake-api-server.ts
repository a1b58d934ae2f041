import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseAllDocuments } from 'yaml';
import { createKubeClient } from '../client.ts';
import type { KubeClient } from '../client.ts';
import { plain } from '../connection.ts';
import { apiVersionOf, RESOURCES } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { keyOf } from '../store.ts';
import type { KubeObject } from '../types.ts';
import { ClusterState } from './cluster-state.ts';
import type { Change } from './cluster-state.ts';

/**
 * A real HTTP server on a free loopback port that speaks enough of the Kubernetes API for tests: CRUD, server-side apply (as a merge),
 * lists with pages and selectors, watches with bookmarks, 410 and disturbances on demand. Fed with manifests. Not for shipping code.
 */
export interface FakeApiServer {
  readonly state: ClusterState;
  readonly url: string;
  /** every request so far: method and path with query */
  readonly requests: string[];
  /** Stores YAML documents or objects; their kinds must be in RESOURCES. */
  apply(...manifests: (string | KubeObject)[]): void;
  remove(resource: Resource, key: string): void;
  get<T extends KubeObject>(resource: Resource<T>, key: string): T | undefined;
  client(name?: string): KubeClient;
  /** Sends a bookmark to every watch. */
  bookmark(): void;
  /** Ends every watch: cleanly, or after half a line. */
  endWatches(how?: 'clean' | 'mid-line'): void;
  /** Answers the next requests with these statuses. */
  failNext(...statuses: number[]): void;
  /** Takes the kinds of an API group away, or gives them back: as without its CustomResourceDefinitions. */
  serve(group: string, served: boolean): void;
  /** Stops answering: every connection breaks and none is taken, until up(), at the same address. What is stored stays and can be changed. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** How many watches are open. */
  watches(): number;
  close(): Promise<void>;
}

interface OpenWatch { plural: string; matches: (object: KubeObject) => boolean; response: http.ServerResponse }

export async function fakeApiServer(...manifests: (string | KubeObject)[]): Promise<FakeApiServer> {
  const state = new ClusterState();
  const requests: string[] = [];
  const failures: number[] = [];
  const open = new Set<OpenWatch>();
  const clients: KubeClient[] = [];
  const withheld = new Set<string>();

  const server = http.createServer((request, response) => {
    void handle(request, response).catch((error: unknown) => fail(response, 500, 'InternalError', String(error)));
  });

  async function handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    requests.push(`${request.method} ${request.url}`);
    const failure = failures.shift();
    if (failure !== undefined) return fail(response, failure, failure === 410 ? 'Expired' : 'InternalError', 'asked to fail');
    const url = new URL(request.url ?? '/', 'http://fake');
    const group = /^\/apis\/([^/]+)/.exec(url.pathname)?.[1] ?? '';
    if (request.method === 'GET' && !withheld.has(group) && /^\/apis\/[^/]+(\/[^/]+)?$/.test(url.pathname)) return discover(group, url.pathname, response);
    const target = withheld.has(group) ? undefined : parsePath(url.pathname);
    if (!target) return fail(response, 404, 'NotFound', 'the server could not find the requested resource');
    const body = await readBody(request);
    const { resource, namespace, name } = target;
    const key = name === undefined ? '' : namespace === undefined ? name : `${namespace}/${name}`;
    const existing = state.find(resource.plural, key);
    if (request.method === 'GET' && name === undefined) {
      return url.searchParams.get('watch') === 'true' ? startWatch(url, target, response) : list(url, target, response);
    }
    if (request.method === 'POST') return create(resource, namespace, body as KubeObject, response);
    const applies = request.method === 'PATCH' && String(request.headers['content-type']).includes('apply-patch');
    if (!existing && !applies) return fail(response, 404, 'NotFound', `${resource.plural} "${name}" not found`);
    if (request.method === 'GET') return send(response, 200, existing);
    if (request.method === 'DELETE') return send(response, 200, state.remove(resource.plural, key));
    const version = (body as Partial<KubeObject> | undefined)?.metadata?.resourceVersion;
    if (version !== undefined && version !== existing?.metadata.resourceVersion) return fail(response, 409, 'Conflict', 'the object has been modified');
    if (request.method === 'PUT') return send(response, 200, state.put(resource.plural, body as KubeObject));
    return send(response, existing ? 200 : 201, state.put(resource.plural, merge(existing ?? {}, body) as KubeObject));
  }

  function discover(group: string, path: string, response: http.ServerResponse): void {
    const kinds = Object.values<Resource>(RESOURCES).filter((r) => r.group === group);
    if (kinds.length === 0) return fail(response, 404, 'NotFound', 'the server could not find the requested resource');
    const version = path.split('/')[3];
    if (version === undefined) return send(response, 200, { kind: 'APIGroup', versions: [...new Set(kinds.map((r) => r.version))].map((one) => ({ version: one })) });
    send(response, 200, { kind: 'APIResourceList', resources: kinds.filter((r) => r.version === version).map((r) => ({ name: r.plural, kind: r.kind, namespaced: r.namespaced })) });
  }

  function create(resource: Resource, namespace: string | undefined, object: KubeObject, response: http.ServerResponse): void {
    if (namespace !== undefined) object.metadata.namespace = namespace;
    if (state.find(resource.plural, keyOf(object))) return fail(response, 409, 'AlreadyExists', `${resource.plural} "${object.metadata.name}" already exists`);
    send(response, 201, state.put(resource.plural, object));
  }

  function list(url: URL, { resource, namespace }: Target, response: http.ServerResponse): void {
    const limit = Number(url.searchParams.get('limit') ?? 0);
    const [version, after] = (url.searchParams.get('continue') ?? `${state.version}:0`).split(':').map(Number) as [number, number];
    if (version < state.compacted) return fail(response, 410, 'Expired', 'the continue token is too old');
    const all = state.all(resource.plural).filter(selector(url, namespace));
    const items = limit > 0 ? all.slice(after, after + limit) : all;
    const more = after + items.length < all.length;
    const bare = items.map(({ apiVersion: _a, kind: _k, ...rest }) => rest);
    const metadata = { resourceVersion: String(version), ...(more && { continue: `${version}:${after + items.length}` }) };
    send(response, 200, { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items: bare });
  }

  function startWatch(url: URL, { resource, namespace }: Target, response: http.ServerResponse): void {
    const from = Number(url.searchParams.get('resourceVersion') ?? 0);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < state.compacted) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' } })}\n`);
      return;
    }
    const one: OpenWatch = { plural: resource.plural, matches: selector(url, namespace), response };
    open.add(one);
    response.once('close', () => open.delete(one));
    for (const change of state.history) if (change.version > from) emit(one, change);
  }

  const emit = (watch: OpenWatch, change: Change) => {
    if (watch.plural !== change.plural || !watch.matches(change.object)) return;
    watch.response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
  };
  state.onChange((change) => {
    for (const watch of open) emit(watch, change);
  });

  const listen = (at: number) => new Promise<void>((resolve) => { server.listen(at, '127.0.0.1', resolve); });
  const down = async () => {
    const closed = new Promise((resolve) => { server.close(resolve); });
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const fake: FakeApiServer = {
    state,
    url,
    requests,
    apply(...given) {
      for (const object of given.flatMap((one) => (typeof one === 'string' ? parseManifests(one) : [one]))) {
        const resource = state.resourceOf(object);
        if (resource.namespaced) object.metadata.namespace ??= 'default';
        state.put(resource.plural, object);
      }
    },
    remove: (resource, key) => void state.remove(resource.plural, key),
    get: <T extends KubeObject>(resource: Resource<T>, key: string) => state.find(resource.plural, key) as T | undefined,
    client(name = 'test') {
      const client = createKubeClient({ connection: plain(url), name });
      clients.push(client);
      return client;
    },
    bookmark() {
      const object = { metadata: { resourceVersion: String(state.version) } };
      for (const { response } of open) response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    },
    endWatches(how = 'clean') {
      for (const one of open) {
        const { response } = one;
        open.delete(one);
        if (how === 'clean') response.end();
        else response.write('{"type":"MODIFIED","object":{"metada', () => response.socket?.destroy());
      }
    },
    failNext: (...statuses) => void failures.push(...statuses),
    serve: (group, served) => void (served ? withheld.delete(group) : withheld.add(group)),
    down,
    up: () => listen(port),
    watches: () => open.size,
    async close() {
      for (const client of clients) client.close();
      await down();
    },
  };
  fake.apply(...manifests);
  return fake;
}

export function parseManifests(yaml: string): KubeObject[] {
  return parseAllDocuments(yaml).map((document) => document.toJS() as KubeObject | null).filter((object) => object !== null);
}

interface Target { resource: Resource; namespace?: string | undefined; name?: string | undefined }

function parsePath(path: string): Target | undefined {
  const namespaces = /^\/api\/v1\/namespaces(?:\/([^/]+))?$/.exec(path);
  if (namespaces) return { resource: RESOURCES.namespaces, name: namespaces[1] };
  const match = /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/[^/]+)?$/.exec(path);
  const resource = match && Object.values<Resource>(RESOURCES).find((r) => r.group === (match[1] ?? '') && r.plural === match[3]);
  return resource ? { resource, namespace: match[2], name: match[4] } : undefined;
}

function selector(url: URL, namespace: string | undefined): (object: KubeObject) => boolean {
  const labels = (url.searchParams.get('labelSelector') ?? '').split(',').filter(Boolean).map((term) => term.split('='));
  const fields = (url.searchParams.get('fieldSelector') ?? '').split(',').filter(Boolean).map((term) => term.split('='));
  return ({ metadata }) => (namespace === undefined || metadata.namespace === namespace)
    && labels.every(([key, value]) => (value === undefined ? metadata.labels?.[key!] !== undefined : metadata.labels?.[key!] === value))
    && fields.every(([key, value]) => (key === 'metadata.name' ? metadata.name === value : metadata.namespace === value));
}

async function readBody(request: http.IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/** JSON merge patch (RFC 7396). */
function merge(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = target !== null && typeof target === 'object' ? { ...(target as Record<string, unknown>) } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

function send(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function fail(response: http.ServerResponse, code: number, reason: string, message: string): void {
  send(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });
}
