import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseAllDocuments } from 'yaml';
import { createKubeClient } from '../../lib/kube/client.ts';
import { plain } from '../../lib/kube/connection.ts';
import { apiVersionOf, type Resource } from '../../lib/kube/resources.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import type { Deps } from '../shared/command.ts';
import { FIELD_MANAGER } from '../shared/connect.ts';
import { KINDS, resourceOf } from '../shared/kinds.ts';

type Handler = (request: { url: URL; body: unknown }, response: http.ServerResponse) => void;

/**
 * A real HTTP server on a loopback port with as much of the Kubernetes API as the commands use: every kind that install creates, server-side apply
 * (the last writer wins), lists with selectors, deletion of a namespace with what is in it, /version and access reviews.
 */
export interface FakeCluster {
  deps: Deps;
  /** objects by "plural/namespace/name", or "plural/name" */
  objects: Map<string, KubeObject>;
  /** method and path of every request */
  requests: string[];
  /** stores YAML documents or objects */
  put(...manifests: (string | KubeObject)[]): void;
  find(key: string): KubeObject | undefined;
  /** answers for one method and path (without query) */
  on(methodAndPath: string, handler: Handler): void;
  /** verbs on resources that the user may not do, as "create deployments"; '*' reviews are refused as soon as there is one */
  forbid(...what: string[]): void;
  /** looks at each object as it is applied, and may answer an error status */
  onApply: (object: KubeObject) => { code: number; reason: string; message: string } | void;
  version: { major: string; minor: string; gitVersion: string };
  close(): Promise<void>;
}

export async function fakeCluster(...manifests: (string | KubeObject)[]): Promise<FakeCluster> {
  const handlers = new Map<string, Handler>();
  const forbidden = new Set<string>();
  const open = new Set<() => void>();
  const server = http.createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => fail(response, 500, 'InternalError', String(error)));
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const cluster: FakeCluster = {
    deps: {
      connect: () => {
        const client = createKubeClient({ connection: plain(url), name: FIELD_MANAGER });
        open.add(() => client.close());
        return Promise.resolve(client);
      },
    },
    objects: new Map(),
    requests: [],
    put(...given) {
      for (const object of given.flatMap((one) => (typeof one === 'string' ? documents(one) : [one]))) {
        cluster.objects.set(keyOf(resourceOf(object), object.metadata.namespace, object.metadata.name), object);
      }
    },
    find: (key) => cluster.objects.get(key),
    on: (methodAndPath, handler) => void handlers.set(methodAndPath, handler),
    forbid: (...what) => {
      for (const one of what) forbidden.add(one);
    },
    onApply: () => undefined,
    version: { major: '1', minor: '34', gitVersion: 'v1.34.4' },
    async close() {
      for (const end of open) end();
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
  cluster.put(...manifests);

  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const target = new URL(request.url ?? '/', url);
    cluster.requests.push(`${request.method} ${target.pathname}${target.search}`);
    const body = await readBody(request);
    const handler = handlers.get(`${request.method} ${target.pathname}`);
    if (handler) return handler({ url: target, body }, response);
    if (target.pathname === '/version') return send(response, 200, cluster.version);
    if (target.pathname === '/apis') return send(response, 200, { kind: 'APIGroupList', groups: [] });
    if (target.pathname.endsWith('/selfsubjectaccessreviews')) return review(body, response);
    const at = parsePath(target.pathname);
    if (!at) return fail(response, 404, 'NotFound', 'the server could not find the requested resource');
    if (at.name === undefined) return list(target, at, response);
    return one(request.method ?? 'GET', at as At & { name: string }, body as KubeObject, response);
  }

  function review(body: unknown, response: http.ServerResponse): void {
    const { verb, resource } = (body as { spec: { resourceAttributes: { verb: string; resource: string } } }).spec.resourceAttributes;
    const denied = verb === '*' ? forbidden.size > 0 : forbidden.has(`${verb} ${resource}`);
    send(response, 201, { status: { allowed: !denied } });
  }

  function one(method: string, at: At & { name: string }, body: KubeObject, response: http.ServerResponse): void {
    const key = keyOf(at.resource, at.namespace, at.name);
    const existing = cluster.objects.get(key);
    if (method === 'PATCH') {
      const refusal = cluster.onApply(body);
      if (refusal) return fail(response, refusal.code, refusal.reason, refusal.message);
      cluster.objects.set(key, { ...existing, ...body, metadata: { ...existing?.metadata, ...body.metadata } });
      return send(response, existing ? 200 : 201, body);
    }
    if (!existing) return fail(response, 404, 'NotFound', `${at.resource.plural} "${at.name}" not found`);
    if (method === 'DELETE') {
      cluster.objects.delete(key);
      if (at.resource === KINDS.namespaces) for (const [k, o] of cluster.objects) if (o.metadata.namespace === at.name) cluster.objects.delete(k);
    }
    send(response, 200, existing);
  }

  function list(target: URL, { resource, namespace }: At, response: http.ServerResponse): void {
    const matches = selector(target);
    const items = [...cluster.objects].filter(([key, o]) => key.startsWith(`${resource.plural}/`) && (namespace === undefined || o.metadata.namespace === namespace) && matches(o));
    send(response, 200, { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata: {}, items: items.map(([, o]) => o) });
  }

  return cluster;
}

interface At { resource: Resource; namespace: string | undefined; name: string | undefined }

function keyOf(resource: Resource, namespace: string | undefined, name: string): string {
  return resource.namespaced ? `${resource.plural}/${namespace}/${name}` : `${resource.plural}/${name}`;
}

function parsePath(path: string): At | undefined {
  const own = /^\/api\/v1\/namespaces(?:\/([^/]+))?$/.exec(path);
  if (own) return { resource: KINDS.namespaces, namespace: undefined, name: own[1] };
  const match = /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(path);
  const resource = match && Object.values<Resource>(KINDS).find((r) => r.group === (match[1] ?? '') && r.plural === match[3]);
  return resource ? { resource, namespace: match[2], name: match[4] && decodeURIComponent(match[4]) } : undefined;
}

function selector(url: URL): (object: KubeObject) => boolean {
  const terms = (name: string): string[][] => (url.searchParams.get(name) ?? '').split(',').filter(Boolean).map((term) => term.split('='));
  return (object) =>
    terms('labelSelector').every(([key, value]) => (value === undefined ? object.metadata.labels?.[key!] !== undefined : object.metadata.labels?.[key!] === value))
    && terms('fieldSelector').every(([key, value]) => String(key!.split('.').reduce<unknown>((o, k) => (o as Record<string, unknown> | undefined)?.[k], object)) === value);
}

function documents(yaml: string): KubeObject[] {
  return parseAllDocuments(yaml).map((d) => d.toJS() as KubeObject | null).filter((o) => o !== null);
}

async function readBody(request: http.IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

export function send(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export function fail(response: http.ServerResponse, code: number, reason: string, message: string): void {
  send(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });
}
