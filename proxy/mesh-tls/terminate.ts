import tls from 'node:tls';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../lib/clock.ts';
import { type Credentials, identityOf, notAfter, TLS_OPTIONS } from './credentials.ts';
import { TRANSPORT_ALPN } from './transport-header.ts';

export interface Terminated {
  socket: tls.TLSSocket;
  /** the client's identity; '' when it showed no certificate */
  clientId: string;
  /** it will send a transport header first */
  transportHeader: boolean;
}

interface Waiting { done: (t: Terminated) => void; failed: (reason: string) => void; timer: Timer | null }

/** How long a session may be resumed. */
const SESSION_SECONDS = 600;

/**
 * The TLS server of the mesh: one per process, never listening itself; accepted sockets are handed in once detection has seen that their
 * ClientHello is for us. A client certificate is optional and, when shown, must chain to the anchors.
 */
export class Terminator {
  private readonly server: tls.Server;
  private readonly waiting = new WeakMap<Socket, Waiting>();
  private readonly credentials: Credentials;
  private readonly clock: Clock;
  private readonly timeoutMs: number;
  /** told of each handshake that succeeded */
  handshakes: (resumed: boolean) => void = () => {};

  /** `timeoutMs`: how long a handshake may take, however many bytes it comes in */
  constructor(credentials: Credentials, clock: Clock, timeoutMs: number) {
    this.credentials = credentials;
    this.clock = clock;
    this.timeoutMs = timeoutMs;
    this.server = tls.createServer({
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [TRANSPORT_ALPN, 'h2', 'http/1.1'],
      allowHalfOpen: true,
    });
    const install = (): void => {
      if (credentials.leaf === null) return;
      const { key, chain } = credentials.leaf;
      // A new context has new ticket keys: sessions of before end here too.
      this.server.setSecureContext({ ...TLS_OPTIONS, key, cert: chain, ca: credentials.anchors, sessionTimeout: SESSION_SECONDS });
    };
    install();
    credentials.onChange(install);
    this.server.on('secureConnection', (socket) => this.established(socket));
    this.server.on('tlsClientError', (error, socket) => this.failed(socket, error));
  }

  /** Runs the handshake on `socket`, whose bytes read so far have been given back with unshift. */
  terminate(socket: Socket, done: (t: Terminated) => void, failed: (reason: string) => void): void {
    const timer = this.clock.after(this.timeoutMs, () => {
      this.waiting.delete(socket);
      socket.destroy();
      failed('timeout');
    });
    this.waiting.set(socket, { done, failed, timer });
    this.server.emit('connection', socket);
  }

  private take(socket: tls.TLSSocket): Waiting | undefined {
    const raw = (socket as unknown as { _parent?: Socket })._parent;
    if (raw === undefined) return undefined;
    const w = this.waiting.get(raw);
    this.waiting.delete(raw);
    this.clock.cancel(w?.timer ?? null);
    return w;
  }

  private established(socket: tls.TLSSocket): void {
    const w = this.take(socket);
    const cert = socket.getPeerX509Certificate();
    if (w === undefined || (cert !== undefined && !(socket.authorized && this.credentials.inForce(notAfter(cert))))) {
      w?.failed('client certificate not trusted');
      socket.destroy();
      return;
    }
    this.handshakes(socket.isSessionReused());
    w.done({ socket, clientId: identityOf(cert), transportHeader: socket.alpnProtocol === TRANSPORT_ALPN });
  }

  private failed(socket: tls.TLSSocket, error: Error): void {
    this.take(socket)?.failed(error.message);
    socket.destroy();
  }
}
