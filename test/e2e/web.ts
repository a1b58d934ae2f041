/** A web server in versions, its Services and routes, and a client in the mesh that tells what it was answered. */
import assert from 'node:assert/strict';
import { INJECT } from '../../api/annotations.ts';
import { ROUTE_CONTROLLER } from '../../api/names.ts';
import type { RouteParentStatus } from '../../lib/kube/gateway-api.ts';
import { apply, inPod, waitFor } from './steps.ts';
import { kube, MESHED, nodeContainer, PROBE_NAMESPACE, type Thing } from './world.ts';

/** Tells who it is and what it was asked, how often it was asked for /seen/ID; /fail/ID?times=N answers 503 N times first; /slow?ms=N waits. */
const SERVER = `
import { createServer } from 'node:http';
const seen = new Map();
createServer(async (req, res) => {
  const url = new URL(req.url, 'http://server');
  const times = (seen.get(url.pathname) ?? 0) + 1;
  seen.set(url.pathname, times);
  if (url.pathname.startsWith('/slow')) await new Promise((r) => setTimeout(r, Number(url.searchParams.get('ms'))));
  const fails = url.pathname.startsWith('/fail/') && times <= Number(url.searchParams.get('times'));
  const body = url.pathname === '/seen' ? Object.fromEntries(seen) : { version: process.env.VERSION, method: req.method, url: req.url, host: req.headers.host, headers: req.headers, times };
  res.writeHead(fails ? 503 : 200, { 'content-type': 'application/json', 'x-server': 'yes' }).end(JSON.stringify(body));
}).listen(8080);
for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => process.exit(0));
`;

export interface Call { path: string; method?: string; headers?: Record<string, string> }
export interface Answer { status: number; headers: Record<string, string>; body: { version: string; method: string; url: string; host: string; headers: Record<string, string>; times: number } | null }

const CLIENT = `
const { host, calls } = JSON.parse(process.argv[2]);
const answers = [];
for (const { path, method = 'GET', headers = {} } of calls) {
  const res = await fetch('http://' + host + path, { method, headers, redirect: 'manual' });
  const text = await res.text();
  // The server answers in JSON, a proxy that answers for it in text.
  const body = res.headers.get('content-type') === 'application/json' ? JSON.parse(text) : null;
  answers.push({ status: res.status, headers: Object.fromEntries(res.headers), body });
}
// A pipe takes its time: the process ends when all is written.
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
`;

export const versions = (answers: Answer[]): string[] => answers.map(({ body }) => body?.version ?? '');
export const to = (name: string, weight?: number) => ({ name, port: 80, ...(weight !== undefined && { weight }) });
export const under = (value: string) => [{ path: { type: 'PathPrefix', value } }];

/** All of one namespace. */
// oxlint-disable-next-line typescript/explicit-function-return-type
export function webOf(own: string) {
  const ask = (host: string, ...calls: Call[]): Promise<Answer[]> => inPod(PROBE_NAMESPACE, MESHED, CLIENT, JSON.stringify({ host: `${host}.${own}`, calls }));

  function server(version: string): Thing[] {
    return [
      {
        apiVersion: 'v1', kind: 'Pod', metadata: { name: version, namespace: own, labels: { app: 'web', version }, annotations: { [INJECT]: 'enabled' } },
        spec: { containers: [nodeContainer('server', SERVER, { env: [{ name: 'VERSION', value: version }], ports: [{ containerPort: 8080 }], readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1 } })] },
      },
      service(`web-${version}`, { app: 'web', version }),
    ];
  }

  function service(name: string, selector: Record<string, string>, annotations: Record<string, string> = {}): Thing {
    return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: own, annotations }, spec: { selector, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } };
  }


  function route(name: string, parent: string, rules: object[], more: { namespace?: string; annotations?: Record<string, string> } = {}): Thing {
    const metadata = { name, namespace: more.namespace ?? own, annotations: more.annotations ?? {} };
    return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata, spec: { parentRefs: [{ group: '', kind: 'Service', name: parent, namespace: own }], rules } };
  }

  /** `Accepted True Accepted`, … of our entry, once it is of the newest generation. */
  async function conditionsOf(name: string, at = own): Promise<string[]> {
    return await waitFor(`the status of route ${name}`, async () => {
      const { metadata, status } = await kube().json<{ metadata: { generation: number }; status?: { parents?: RouteParentStatus[] } }>('read the route', ['get', 'httproute', name, '-n', at]);
      const conditions = status?.parents?.find((parent) => parent.controllerName === ROUTE_CONTROLLER)?.conditions ?? [];
      return conditions.length > 0 && conditions.every((one) => one.observedGeneration === metadata.generation) && conditions.map((one) => `${one.type} ${one.status} ${one.reason}`);
    });
  }

  /** Applies a route and waits until it is accepted; the proxies have it an instant later. */
  async function applied(thing: Thing): Promise<void> {
    await apply(thing);
    assert.deepEqual(await conditionsOf(thing.metadata.name, thing.metadata.namespace), ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']);
  }

  return { ask, server, service, route, conditionsOf, applied };
}
