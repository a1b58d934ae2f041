import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers';
import type { Running } from './running.ts';

/** Longer than the idle time of any client or proxy in front, so that it is never the server that closes first. */
const KEEP_ALIVE_MS = 75_000;

/**
 * An HTTP/1.1 server that answers GET /healthz (alive) and /readyz (503 while draining) itself and passes the rest to `handler`. `onServer` sees the
 * server before it listens; `onClose` is called when connections that left HTTP behind (WebSocket) have to be ended.
 */
export async function serveHttp(
  port: number, handler: RequestListener, hooks: { onServer?: (server: Server) => void; onClose?: () => void } = {},
): Promise<Running> {
  const active = new Set<ServerResponse>();
  let draining = false;
  let closing = false;

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (req: IncomingMessage, res: ServerResponse) => {
    active.add(res);
    if (draining) res.shouldKeepAlive = false;
    res.on('close', () => {
      active.delete(res);
      // Connections whose head went out before the drain said keep-alive become idle only now.
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    const path = req.url!.split('?', 1)[0];
    if (path === '/healthz') answer(res, 200, 'ok\n');
    else if (path === '/readyz') answer(res, draining ? 503 : 200, draining ? 'going away\n' : 'ready\n');
    else handler(req, res);
  });
  hooks.onServer?.(server);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve));

  return {
    port: (server.address() as AddressInfo).port,
    drain() {
      draining = true;
      for (const res of active) if (!res.headersSent) res.shouldKeepAlive = false;
    },
    close() {
      closing = true;
      hooks.onClose?.();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
  };
}

/** A whole text answer. */
export function answer(res: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  res.end(text);
}
