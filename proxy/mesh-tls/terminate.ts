import tls from 'node:tls';
import type { Socket } from 'node:net';
import { type Credentials, identityOf, TLS_OPTIONS } from './credentials.ts';
import { TRANSPORT_ALPN } from './transport-header.ts';

export interface Terminated {
  socket: tls.TLSSocket;
  /** the client's identity; '' when it showed no certificate */
  clientId: string;
  /** it will send a transport header first */
  transportHeader: boolean;
}

interface Waiting { done: (t: Terminated) => void; failed: (reason: string) => void }

/** How long a handshake may take, milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a session may be resumed. */
const SESSION_SECONDS = 600;

/**
 * The TLS server of the mesh: one per process, never listening itself; accepted sockets are handed in once detection has seen that their
 * ClientHello is for us. A client certificate is optional and, when shown, must chain to the anchors.
 */
export class Terminator {
  private readonly server: tls.Server;
  private readonly waiting = new WeakMap<Socket, Waiting>();

  constructor(credentials: Credentials) {
    this.server = tls.createServer({
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [TRANSPORT_ALPN, 'h2', 'http/1.1'],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      allowHalfOpen: true,
    });
    const install = (): void => {
      if (credentials.leaf === null) return;
      const { key, chain } = credentials.leaf;
      this.server.setSecureContext({ ...TLS_OPTIONS, key, cert: chain, ca: credentials.anchors, sessionTimeout: SESSION_SECONDS });
    };
    install();
    credentials.onChange(install);
    this.server.on('secureConnection', (socket) => this.established(socket));
    this.server.on('tlsClientError', (error, socket) => this.failed(socket, error));
  }

  /** Runs the handshake on `socket`, whose bytes read so far have been given back with unshift. */
  terminate(socket: Socket, done: (t: Terminated) => void, failed: (reason: string) => void): void {
    this.waiting.set(socket, { done, failed });
    this.server.emit('connection', socket);
  }

  private take(socket: tls.TLSSocket): Waiting | undefined {
    const raw = (socket as unknown as { _parent?: Socket })._parent;
    if (raw === undefined) return undefined;
    const w = this.waiting.get(raw);
    this.waiting.delete(raw);
    return w;
  }

  private established(socket: tls.TLSSocket): void {
    const w = this.take(socket);
    const cert = socket.getPeerX509Certificate();
    if (w === undefined || (cert !== undefined && !socket.authorized)) {
      w?.failed('client certificate not trusted');
      socket.destroy();
      return;
    }
    w.done({ socket, clientId: identityOf(cert), transportHeader: socket.alpnProtocol === TRANSPORT_ALPN });
  }

  private failed(socket: tls.TLSSocket, error: Error): void {
    this.take(socket)?.failed(error.message);
    socket.destroy();
  }
}
