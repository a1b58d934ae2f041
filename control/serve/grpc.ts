/** gRPC over mesh TLS, served by the control services themselves. */
import { constants, createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse, type Http2Session, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Code, ConnectError, createContextValues, type ConnectRouter, type Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { NOBODY, setCaller, type Caller } from './caller.ts';
import type { MeshIdentity } from './credentials.ts';
import { keepAlive } from './keep-alive.ts';
import { meshTlsServer } from './mesh-tls.ts';

export interface GrpcOptions {
  host: string;
  /** 0 lets the system choose */
  port: number;
  routes: (router: ConnectRouter) => void;
  /** serving starts when it is ready */
  identity: MeshIdentity;
  log: Log;
  clock: Clock;
  /** gives up waiting for a certificate */
  signal?: AbortSignal;
  /** how long stop() lets running calls finish; default 3000 ms */
  stopGraceMs?: number;
}

export interface GrpcServer {
  readonly port: number;
  /** open connections */
  readonly connections: number;
  /**
   * Refuses new connections, aborts the signal of every running handler (watches then end with UNAVAILABLE), sends GOAWAY, and after the
   * grace time cuts what is left.
   */
  stop(): Promise<void>;
}

const DEFAULT_STOP_GRACE_MS = 3000;
/** Requests of the API are a few kilobytes at most (a CSR and a token). */
const MAX_REQUEST_BYTES = 256 * 1024;
/** One proxy holds up to three watches a destination on one connection; Node's default of 10 MB would refuse them at some point. */
const MAX_SESSION_MEMORY_MB = 64;

/** Failures that a handler did not mean are logged here; the client only sees INTERNAL. */
function guard(log: Log): Interceptor {
  const meant = (err: unknown, method: string): ConnectError => {
    if (err instanceof ConnectError) return err;
    log.error({ err, method }, 'call failed');
    return new ConnectError('internal error', Code.Internal);
  };
  async function* guarded<T>(messages: AsyncIterable<T>, method: string): AsyncGenerator<T> {
    try {
      yield* messages;
    } catch (err) {
      throw meant(err, method);
    }
  }
  return (next) => async (request) => {
    const method = `${request.service.typeName}/${request.method.name}`;
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: guarded(response.message, method) } : response;
    } catch (err) {
      throw meant(err, method);
    }
  };
}

/**
 * Calls `handler`, and ends what it would leave open. An answer given before the whole request came (too large, unknown method) must not leave the
 * client waiting for a window to send the rest in (RFC 9113 8.1: RST_STREAM with NO_ERROR). A request without a usable :authority makes
 * connect-node throw before it has a promise to reject, which would end the process.
 */
function answer(handler: ReturnType<typeof connectNodeAdapter>, request: Http2ServerRequest, response: Http2ServerResponse): void {
  const { stream } = request;
  // closed any earlier, the trailers with the status would be lost
  stream.once('wantTrailers', () => setImmediate(() => {
    if (request.complete) return;
    stream.resume();
    stream.close(constants.NGHTTP2_NO_ERROR);
  }));
  try {
    handler(request, response);
  } catch {
    response.writeHead(400);
    response.end();
  }
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
  const stopping = new AbortController();
  const callers = new WeakMap<Http2Session, Caller>();
  const sessions = new Set<ServerHttp2Session>();

  const handler = connectNodeAdapter({
    routes: options.routes,
    grpc: true,
    grpcWeb: false,
    connect: false,
    acceptCompression: [],
    readMaxBytes: MAX_REQUEST_BYTES,
    shutdownSignal: stopping.signal,
    interceptors: [guard(log)],
    contextValues: (request) => {
      const { session } = (request as Http2ServerRequest).stream;
      return setCaller(createContextValues(), (session && callers.get(session)) ?? NOBODY);
    },
  });
  const http2 = createHttp2Server({ maxSessionMemory: MAX_SESSION_MEMORY_MB }, (request, response) => answer(handler, request, response));
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
      stopping.abort(new ConnectError('the control plane is restarting', Code.Unavailable));
      for (const session of sessions) session.close();
      const cut = clock.after(options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS, () => {
        for (const session of sessions) session.destroy();
      });
      await closed;
      clock.cancel(cut);
    },
  };
}
