import net from 'node:net';
import tls from 'node:tls';
import type { Clock } from '../../lib/clock.ts';
import type { SocketAddr } from '../accept/addr.ts';
import { ProxyError } from '../errors.ts';
import { setUserTimeout, type TcpOptions } from '../tcp/options.ts';
import { hasIdentity, notAfter, type Credentials } from './credentials.ts';
import { encodeTransportHeader, TRANSPORT_ALPN, type TransportHeader } from './transport-header.ts';

export interface DialOptions {
  clock: Clock;
  timeoutMs: number;
  tcp: TcpOptions;
}

export interface TlsTarget {
  credentials: Credentials;
  /** what the peer's certificate must be for */
  identity: string;
  /** SNI; the identity unless discovery says otherwise */
  serverName: string;
  /** sent first when the peer agrees by ALPN; null for a plain TLS connection */
  header: TransportHeader | null;
}

export interface Dial {
  /** gives up; nothing is called afterwards */
  cancel(): void;
}

/**
 * Opens a connection, over mesh TLS when `target` is given, and calls exactly one of the two functions. The socket arrives connected, half-open allowed, with
 * no listener for data. Errors: CONNECT, CONNECT_TIMEOUT, IDENTITY.
 */
export function dial(addr: SocketAddr, target: TlsTarget | null, opts: DialOptions, done: (socket: net.Socket) => void, failed: (error: ProxyError) => void): Dial {
  let settled = false;
  const tcp = { host: addr.ip, port: addr.port, allowHalfOpen: true, noDelay: true, keepAlive: opts.tcp.keepAliveMs > 0, keepAliveInitialDelay: opts.tcp.keepAliveMs };
  const socket = target === null ? net.connect(tcp) : dialTls(addr, target, tcp);
  const settle = (f: () => void): void => {
    if (settled) return;
    settled = true;
    opts.clock.cancel(timer);
    f();
  };
  const fail = (e: ProxyError): void => settle(() => {
    socket.destroy();
    failed(e);
  });
  const timer = opts.clock.after(opts.timeoutMs, () => fail(new ProxyError('CONNECT_TIMEOUT', `no connection to ${addr.ip}:${addr.port} within ${opts.timeoutMs} ms`)));
  socket.on('error', (e: Error & { code?: string }) => fail(new ProxyError(isIdentityError(e) ? 'IDENTITY' : 'CONNECT', `${addr.ip}:${addr.port}: ${e.message}`)));
  socket.once('close', () => fail(new ProxyError('CONNECT', `${addr.ip}:${addr.port}: closed during connection set-up`)));
  socket.once(target === null ? 'connect' : 'secureConnect', () => {
    if (opts.tcp.userTimeoutMs > 0) setUserTimeout(socket, opts.tcp.userTimeoutMs);
    if (target !== null) target.credentials.handshakes((socket as tls.TLSSocket).isSessionReused());
    settle(() => {
      if (target !== null && target.header !== null && (socket as tls.TLSSocket).alpnProtocol === TRANSPORT_ALPN) socket.write(encodeTransportHeader(target.header));
      done(socket);
    });
  });
  return { cancel: () => settle(() => socket.destroy()) };
}

function dialTls(addr: SocketAddr, target: TlsTarget, tcp: net.NetConnectOpts & { allowHalfOpen: boolean }): tls.TLSSocket {
  const { credentials } = target;
  const { epoch, sessions } = credentials;
  // Node verifies nothing on a resumed session: it is only offered to whoever has to prove the same identity, while that is still in force.
  const key = `${target.identity}|${target.serverName}|${addr.ip}:${addr.port}|${target.header === null ? '' : 'h'}`;
  const known = sessions.get(key);
  const session = known !== undefined && credentials.inForce(known.notAfter) ? known : null;
  let end = session === null ? 0 : session.notAfter;
  const socket = tls.connect({
    ...tcp,
    secureContext: credentials.clientContext(),
    servername: target.serverName,
    ...(target.header === null ? {} : { ALPNProtocols: [TRANSPORT_ALPN] }),
    ...(session === null ? {} : { session: session.ticket }),
    // Mesh identities are matched exactly, as names in the SAN; wildcards and common names never count.
    checkServerIdentity: () => {
      const cert = socket.getPeerX509Certificate();
      end = notAfter(cert);
      return hasIdentity(cert, target.identity) ? undefined : new IdentityError(target.identity);
    },
  } as tls.ConnectionOptions);
  socket.on('session', (ticket: Buffer) => {
    // A ticket of a connection that outlived its credentials would carry them on.
    if (epoch === credentials.epoch) sessions.put(key, { ticket, notAfter: end });
  });
  return socket;
}

class IdentityError extends Error {
  readonly code = 'MESH_IDENTITY';
  constructor(expected: string) {
    super(`the certificate is not for ${expected}`);
  }
}

const VERIFY_CODES = /^(MESH_IDENTITY|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT)/;

function isIdentityError(e: { code?: string }): boolean {
  return e.code !== undefined && VERIFY_CODES.test(e.code);
}
