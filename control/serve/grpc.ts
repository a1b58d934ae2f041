/** gRPC over mesh TLS, served by the control services themselves. */
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { NOBODY, type Caller } from './caller.ts';
import type { MeshIdentity } from './credentials.ts';
import { dispatch } from './dispatch.ts';
import { keepAlive } from './keep-alive.ts';
import { meshTlsServer } from './mesh-tls.ts';
import type { Router } from './router.ts';

export interface GrpcOptions {
  host: string;
  /** 0 lets the system choose */
  port: number;
  routes: (router: Router) => void;
  /** serving starts when it is ready */
  identity: MeshIdentity;
  log: Log;
  clock: Clock;
  /** gives up waiting for a certificate */
  signal?: AbortSignal;
  /** resolves when calls can be answered in full. Until then they wait for a moment, and then are told to try elsewhere (UNAVAILABLE) */
  synced?: Promise<void>;
  /** calls are short, and stop() lets them finish; else it ends them */
  finishes?: boolean;
  /** how long stop() lets running calls finish; default 3000 ms */
  stopGraceMs?: number;
}

export interface GrpcServer {
  readonly port: number;
  /** open connections */
  readonly connections: number;
  /**
   * Refuses new connections, aborts the signal of every running handler (watches then end with UNAVAILABLE) unless they finish by themselves, sends
   * GOAWAY, and after the grace time cuts what is left.
   */
  stop(): Promise<void>;
}

const DEFAULT_STOP_GRACE_MS = 3000;
/** One proxy holds up to three watches a destination on one connection; Node's default of 10 MB would refuse them at some point. */
const MAX_SESSION_MEMORY_MB = 64;

/** How long a call waits for a replica that has just started, in case there is no other. */
const SYNC_WAIT_MS = 2000;

/** Lets calls through once `synced` has resolved. */
function gate({ synced, clock }: GrpcOptions): () => Promise<void> | null {
  let open = synced === undefined;
  void synced?.then(() => {
    open = true;
  });
  const wait = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      const timer = clock.after(SYNC_WAIT_MS, resolve);
      void synced?.then(() => {
        clock.cancel(timer);
        resolve();
      });
    });
    if (!open) throw new ConnectError('this replica has not seen the whole cluster yet', Code.Unavailable);
  };
  return () => (open ? null : wait());
}

function readyOrAborted(identity: MeshIdentity, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error('told to stop before there was a certificate'));
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    void identity.ready.then(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
  });
}

/** Listens once there is a certificate to serve with. */
export async function serveGrpc(options: GrpcOptions): Promise<GrpcServer> {
  const { log, clock, identity } = options;
  await readyOrAborted(identity, options.signal);
  const callers = new WeakMap<ServerHttp2Session, Caller>();
  const sessions = new Set<ServerHttp2Session>();

  const http2 = createHttp2Server({ maxSessionMemory: MAX_SESSION_MEMORY_MB });
  const calls = dispatch(http2, {
    routes: options.routes, clock, admit: gate(options),
    callerOf: (session) => callers.get(session) ?? NOBODY,
    onError: (err, method) => log.error({ err, method }, 'call failed'),
  });
  let arriving = NOBODY;
  http2.on('session', (session) => {
    callers.set(session, arriving);
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', (err) => log.debug({ err }, 'HTTP/2 session failed'));
    keepAlive(session, clock);
  });
  const tls = meshTlsServer(identity, log, (socket: TLSSocket, caller) => {
    // Node's HTTP/2 server turns away TLS sockets without ALPN h2; proxies speak HTTP/2 by prior knowledge
    socket.alpnProtocol = 'h2';
    arriving = caller;
    http2.emit('connection', socket);
  });
  await new Promise<void>((resolve, reject) => {
    tls.once('error', reject);
    tls.listen(options.port, options.host, () => {
      tls.removeListener('error', reject);
      resolve();
    });
  });
  const { port } = tls.address() as AddressInfo;
  log.info({ port }, 'serving gRPC over mesh TLS');

  return {
    port,
    get connections() {
      return sessions.size;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => {
        tls.close(() => resolve());
      });
      if (!options.finishes) calls.abort(new ConnectError('this replica of the control plane ends', Code.Unavailable));
      for (const session of sessions) session.close();
      const cut = clock.after(options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS, () => {
        for (const session of sessions) session.destroy();
      });
      await closed;
      clock.cancel(cut);
    },
  };
}
