/**
 * TLS 1.3 server of a control service, without a sidecar: its own leaf, client certificates asked for and, when one comes, verified against the
 * trust anchors. New leaves and anchors apply to new connections; those that are open stay.
 */
import { createServer, type Server, type TlsOptions, type TLSSocket } from 'node:tls';
import { parseSubjectAltName } from '../../lib/pki/san.ts';
import type { Log } from '../../lib/log.ts';
import type { Caller } from './caller.ts';
import type { Credentials, MeshIdentity } from './credentials.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;

function tlsOptions(c: Credentials): TlsOptions {
  return {
    key: c.keyPem,
    cert: c.chain,
    ca: c.anchors,
    minVersion: 'TLSv1.3',
    requestCert: true,
    // decided in `admit`, because a client without any certificate is welcome
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    // proxies send no ALPN at all; ordinary gRPC clients send this
    ALPNProtocols: ['h2'],
  };
}

/** The verified peer, or null when it showed a certificate that does not lead to a trust anchor. */
function peerOf(socket: TLSSocket): Caller | null {
  const remoteAddress = socket.remoteAddress ?? '';
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return { identity: '', spiffe: '', remoteAddress };
  if (!socket.authorized) return null;
  const names = parseSubjectAltName(certificate.subjectAltName);
  return { identity: names.dns[0] ?? '', spiffe: names.uri[0] ?? '', remoteAddress };
}

/** Not listening yet. `identity` has to be ready. `onConnection` gets sockets whose handshake is done. */
export function meshTlsServer(identity: MeshIdentity, log: Log, onConnection: (socket: TLSSocket, caller: Caller) => void): Server {
  const first = identity.current();
  if (!first) throw new Error('a mesh TLS server needs credentials before it starts');
  const server = createServer(tlsOptions(first));
  const unsubscribe = identity.onChange((c) => server.setSecureContext(tlsOptions(c)));
  server.once('close', unsubscribe);
  server.on('tlsClientError', (err, socket) => log.debug({ err, remote: socket.remoteAddress }, 'TLS handshake failed'));
  server.on('secureConnection', (socket) => {
    const caller = peerOf(socket);
    if (caller) return onConnection(socket, caller);
    log.warn({ remote: socket.remoteAddress, reason: String(socket.authorizationError) }, 'client certificate refused');
    socket.destroy();
  });
  return server;
}
