import { createServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { SampleEnv } from './env.ts';
import type { Running } from './running.ts';
import { REVIEWS } from './shelf.ts';

function json(res: Http2ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(text);
}

function handle(req: Http2ServerRequest, res: Http2ServerResponse): void {
  if (req.url === '/healthz') {
    json(res, 200, { status: 'ok' });
    return;
  }
  const id = /^\/reviews\/([^/?]+)$/.exec(req.url)?.[1];
  const found = id === undefined ? undefined : REVIEWS[id];
  if (found) json(res, 200, found);
  else json(res, 404, { error: `nothing at ${req.url}` });
}

/** What readers say, by plain HTTP/2 with prior knowledge: GET /reviews/{book id} gives a JSON list. It does not speak HTTP/1. */
export async function reviews(env: SampleEnv): Promise<Running> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(handle);
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(env.port, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    drain() {},
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        // Sends GOAWAY, and ends the connection when its last stream has.
        for (const session of sessions) session.close();
      });
    },
  };
}
