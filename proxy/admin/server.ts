/**
 * :4191. GET /metrics /ready /live /identity /env.json; GET and PUT /proxy-log-level and POST /shutdown from loopback only. Served by the proxy's own codec, in
 * clear text, as monitoring and the kubelet come.
 */
import type { IdentityReport } from '../../api/identity-status.ts';
import type { ProxyEnv } from '../env.ts';
import type { Log } from '../log.ts';
import { parseLevel } from '../log.ts';
import { field, ResponseHead, type RequestHead, type ResponseStream, type Service } from '../message/contract.ts';
import type { Registry } from '../telemetry/registry.ts';

export interface AdminDeps {
  registry: Registry;
  log: Log;
  env: ProxyEnv;
  ready: () => boolean;
  /** whom this proxy is and whom it trusts; certificates are public */
  identity: () => IdentityReport;
  /** begins the graceful end of the process */
  shutdown: () => void;
}

/** `more` follows body: pieces of a long one */
interface Answer { status: number; body: string; more?: Iterator<string>; type?: string; allow?: string }
/** `loopback`: the client is on this host */
interface Asked { deps: AdminDeps; head: RequestHead; body: string; loopback: boolean }
interface Endpoint { methods: readonly string[]; loopback?: boolean; answer: (asked: Asked) => Answer }

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const MAX_BODY = 1024;
/** Smaller answers are not worth a compressor's memory. */
const GZIP_FROM = 32 * 1024;
const MAX_WHOLE = 128 * 1024;
const READ = ['GET', 'HEAD'];

const ENDPOINTS: Record<string, Endpoint> = {
  '/metrics': { methods: READ, answer: metrics },
  '/ready': { methods: READ, answer: ({ deps }) => (deps.ready() ? { status: 200, body: 'ready\n' } : { status: 503, body: 'not ready: no certificate yet\n' }) },
  '/live': { methods: READ, answer: () => ({ status: 200, body: 'live\n' }) },
  '/identity': { methods: READ, answer: ({ deps }) => ({ status: 200, body: JSON.stringify(deps.identity()), type: 'application/json' }) },
  '/env.json': { methods: READ, answer: ({ deps }) => ({ status: 200, body: `${JSON.stringify(deps.env, shownOf, 2)}\n`, type: 'application/json' }) },
  '/proxy-log-level': { methods: [...READ, 'PUT'], loopback: true, answer: logLevel },
  '/shutdown': {
    methods: ['POST'], loopback: true,
    answer: ({ deps }) => {
      if (!deps.env.shutdownEndpoint) return { status: 404, body: 'not here: MESH_PROXY_SHUTDOWN_ENDPOINT_ENABLED is false\n' };
      deps.shutdown();
      return { status: 200, body: 'shutdown\n' };
    },
  },
};

/** The admin endpoints for one connection. */
export function adminService(deps: AdminDeps, loopback: boolean): Service {
  return (head, ended, client) => {
    let body = '';
    let rest: Rest | null = null;
    const finish = (): void => { rest = send(client, head, route({ deps, head, body, loopback })); };
    if (ended) finish();
    return {
      data(buf, start, end) {
        client.credit(end - start);
        body = (body + buf.toString('latin1', start, end)).slice(0, MAX_BODY);
      },
      end: finish,
      reset() { rest = null; },
      credit(n) { rest?.credit(n); },
    };
  };
}

/** The pieces of a long answer, made when the client has taken those before. */
class Rest {
  private readonly client: ResponseStream;
  private readonly pieces: Iterator<string>;
  private outstanding = 0;

  constructor(client: ResponseStream, pieces: Iterator<string>) {
    this.client = client;
    this.pieces = pieces;
  }

  credit(n: number): void {
    this.outstanding -= n;
    this.run();
  }

  run(): void {
    while (this.outstanding === 0) {
      const { value, done } = this.pieces.next();
      if (done === true) {
        this.outstanding = -1;
        this.client.end(null);
        return;
      }
      const piece = Buffer.from(value, 'utf8');
      this.outstanding = piece.length;
      this.client.data(piece, 0, piece.length);
    }
  }
}

/** One body, compressible, up to MAX_WHOLE; what is longer goes out in pieces. */
function metrics({ deps }: Asked): Answer {
  const pieces = deps.registry.pieces();
  let body = '';
  for (let p = pieces.next(); p.done !== true; p = pieces.next()) {
    body += p.value;
    if (body.length >= MAX_WHOLE) return { status: 200, body, more: pieces, type: METRICS_TYPE };
  }
  return { status: 200, body, type: METRICS_TYPE };
}

function route(asked: Asked): Answer {
  const { head, loopback } = asked;
  const endpoint = ENDPOINTS[head.path.split('?')[0]!];
  if (endpoint === undefined) return { status: 404, body: `not found; there are ${Object.keys(ENDPOINTS).join(' ')}\n` };
  const allow = endpoint.methods.join(', ');
  if (!endpoint.methods.includes(head.method)) return { status: 405, body: `use ${allow}\n`, allow };
  if (endpoint.loopback === true && !loopback) return { status: 403, body: 'from inside the pod only\n' };
  return endpoint.answer(asked);
}

/** What is left to send when the client takes more, or null. */
function send(client: ResponseStream, request: RequestHead, a: Answer): Rest | null {
  let body: Buffer = Buffer.from(a.body, 'utf8');
  const fields = ['content-type', a.type ?? 'text/plain; charset=utf-8', 'cache-control', 'no-store'];
  if (a.allow !== undefined) fields.push('allow', a.allow);
  if (a.more !== undefined) {
    client.head(new ResponseHead(a.status, fields));
    if (request.method === 'HEAD') {
      client.end(null);
      return null;
    }
    const rest = new Rest(client, chain(a.body, a.more));
    rest.run();
    return rest;
  }
  if (body.length >= GZIP_FROM && /\bgzip\b/.test(field(request.fields, 'accept-encoding') ?? '')) {
    fields.push('content-encoding', 'gzip');
    body = process.getBuiltinModule('node:zlib').gzipSync(body, { level: 1 });
  }
  client.head(new ResponseHead(a.status, fields, body.length));
  if (request.method !== 'HEAD' && body.length > 0) client.data(body, 0, body.length);
  client.end(null);
  return null;
}

function* chain(first: string, more: Iterator<string>): Generator<string> {
  yield first;
  for (let p = more.next(); p.done !== true; p = more.next()) yield p.value;
}

function logLevel({ deps: { log }, head, body }: Asked): Answer {
  if (head.method !== 'PUT') return { status: 200, body: `${log.level}\n` };
  const level = parseLevel(body.trim());
  if (level === null) return { status: 400, body: `"${body.trim()}" is not a log level; use error, warn, info or debug\n` };
  log.setLevel(level);
  return { status: 204, body: '' };
}

/** The configuration holds no secret (the token is in a file), only trust anchors, which /identity shows. */
function shownOf(key: string, value: unknown): unknown {
  return key === 'anchors' && value !== '' ? '(given inline)' : value;
}
