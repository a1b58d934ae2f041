/** :4191. GET /metrics /ready /live /identity; GET and PUT /proxy-log-level and POST /shutdown from loopback only. Served by the proxy's own codec. */
import type { IdentityReport } from '../../api/identity-status.ts';
import type { Log } from '../log.ts';
import { parseLevel } from '../log.ts';
import { ResponseHead, type RequestHead, type ResponseStream, type Service } from '../message/contract.ts';
import type { Registry } from '../telemetry/registry.ts';

export interface AdminDeps {
  registry: Registry;
  log: Log;
  ready: () => boolean;
  /** whom this proxy is and whom it trusts; certificates are public */
  identity: () => IdentityReport;
  /** begins the graceful end of the process */
  shutdown: () => void;
}

interface Answer { status: number; body: string; type?: string }

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const MAX_BODY = 1024;

/** The admin endpoints for one connection; `loopback` when the client is on this host. */
export function adminService(deps: AdminDeps, loopback: boolean): Service {
  return (head, ended, client) => {
    let body = '';
    const finish = (): void => send(client, head, route(deps, loopback, head, body));
    if (ended) finish();
    return {
      data(buf, start, end) {
        body = (body + buf.toString('latin1', start, end)).slice(0, MAX_BODY);
      },
      end: finish,
      reset() {},
      credit() {},
    };
  };
}

function send(client: ResponseStream, head: RequestHead, a: Answer): void {
  const body = Buffer.from(a.body, 'utf8');
  client.head(new ResponseHead(a.status, ['content-type', a.type ?? 'text/plain'], body.length));
  if (head.method !== 'HEAD' && body.length > 0) client.data(body, 0, body.length);
  client.end(null);
}

function route(deps: AdminDeps, loopback: boolean, head: RequestHead, body: string): Answer {
  const path = head.path.split('?')[0]!;
  const read = head.method === 'GET' || head.method === 'HEAD';
  switch (path) {
    case '/metrics': return read ? { status: 200, body: deps.registry.expose(), type: METRICS_TYPE } : notAllowed('GET');
    case '/ready': return deps.ready() ? { status: 200, body: 'ready\n' } : { status: 503, body: 'not ready: no certificate yet\n' };
    case '/identity': return read ? { status: 200, body: JSON.stringify(deps.identity()), type: 'application/json' } : notAllowed('GET');
    case '/live': return { status: 200, body: 'live\n' };
    case '/proxy-log-level': return loopback ? logLevel(deps.log, head.method, body) : forbidden();
    case '/shutdown':
      if (!loopback) return forbidden();
      if (head.method !== 'POST') return notAllowed('POST');
      deps.shutdown();
      return { status: 200, body: 'shutting down\n' };
    default: return { status: 404, body: 'not found; there are /metrics /ready /live /identity /proxy-log-level /shutdown\n' };
  }
}

function logLevel(log: Log, method: string, body: string): Answer {
  if (method === 'GET') return { status: 200, body: `${log.level}\n` };
  if (method !== 'PUT') return notAllowed('GET and PUT');
  const level = parseLevel(body.trim());
  if (level === null) return { status: 400, body: `"${body.trim()}" is not a log level; use error, warn, info or debug\n` };
  log.setLevel(level);
  return { status: 204, body: '' };
}

function forbidden(): Answer {
  return { status: 403, body: 'from inside the pod only\n' };
}

function notAllowed(methods: string): Answer {
  return { status: 405, body: `use ${methods}\n` };
}
