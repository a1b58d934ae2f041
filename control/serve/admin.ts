import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from '@prometheus-io/client';
import type { IdentityReport } from '../../api/identity-status.ts';
import type { Log } from '../../lib/log.ts';
import type { Admin } from '../deps.ts';

export interface AdminServer extends Admin {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Plain HTTP for the kubelet and Prometheus: GET /live (200 while the process turns), /ready (200, or 503 with a line `name: reason` for each
 * check that fails), /metrics; and for mesh-identity and its command /identity (api/identity-status.ts IdentityReport).
 */
export async function serveAdmin(options: { host: string; port: number; log: Log }): Promise<AdminServer> {
  const checks = new Map<string, () => string | null>();
  const registry = new Registry();
  let identity: (() => IdentityReport) | null = null;
  const server: Server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(request.method === 'HEAD' ? undefined : body);
    };
    const text = (status: number, body: string): void => answer(status, 'text/plain; charset=utf-8', body);
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'method not allowed\n');
    switch (request.url?.split('?', 1)[0]) {
      case '/live': return text(200, 'live\n');
      case '/ready': {
        const failing = [...checks].flatMap(([name, check]) => {
          const reason = check();
          return reason === null ? [] : [`${name}: ${reason}`];
        });
        return failing.length === 0 ? text(200, 'ready\n') : text(503, `${failing.join('\n')}\n`);
      }
      case '/metrics':
        registry.metrics().then((body) => answer(200, registry.contentType, body), (err: unknown) => {
          options.log.error({ err }, 'metrics failed');
          text(500, 'metrics failed\n');
        });
        return;
      case '/identity': return identity ? answer(200, 'application/json', JSON.stringify(identity())) : text(404, 'this process has no mesh identity\n');
      default: return text(404, 'not found\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  return {
    registry,
    addCheck: (name, check) => void checks.set(name, check),
    removeCheck: (name) => void checks.delete(name),
    reportIdentity(report) {
      identity = report;
    },
    port: (server.address() as AddressInfo).port,
    stop: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
