/** One proxy's connection to a service of the control plane: mesh TLS as a proxy dials it, and the proxy's own HTTP/2 in it. */
import tls from 'node:tls';
import { systemClock } from '../../../../lib/clock.ts';
import { Http2Client } from '../../../../proxy/http2/index.ts';
import { Wire } from '../../../../proxy/io/wire.ts';
import { hasIdentity } from '../../../../proxy/mesh-tls/credentials.ts';
import type { Leaf, Server } from './protocol.ts';

const contexts = new Map<string, tls.SecureContext>();

/** Proxies that share a certificate share what is made of it: they are in one process here. */
function context(server: Server, leaf: Leaf | null): tls.SecureContext {
  const key = `${leaf?.chain ?? ''}\n${server.anchors}`;
  const known = contexts.get(key);
  if (known !== undefined) return known;
  const made = tls.createSecureContext({ ca: server.anchors, minVersion: 'TLSv1.3', ...(leaf !== null && { key: leaf.key, cert: leaf.chain }) });
  contexts.set(key, made);
  return made;
}

/** Rejects when the handshake fails. Without a leaf it is the connection of a proxy that asks for its first one. */
export function connect(server: Server, leaf: Leaf | null): Promise<Http2Client> {
  return new Promise((resolve, reject) => {
    const socket: tls.TLSSocket = tls.connect({
      host: server.ip, port: server.port, servername: server.serverName, secureContext: context(server, leaf),
      checkServerIdentity: () => (hasIdentity(socket.getPeerX509Certificate(), server.serverName) ? undefined : new Error(`the server is not ${server.serverName}`)),
    });
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.removeListener('error', reject);
      resolve(new Http2Client(new Wire(socket), { clock: systemClock, count: () => undefined }));
    });
  });
}
