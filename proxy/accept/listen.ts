import net from 'node:net';
import { inherit, type TcpOptions } from '../tcp/options.ts';

export interface Listening { close(): void }

/**
 * Where to listen for an address that was asked for, in a pod with IPv6: what stands for every IPv4 address then means every address, and IPv4's
 * loopback both, because ip6tables redirects what the application sends to ::1.
 */
export function hosts(host: string, ipv6: boolean): string[] {
  if (!ipv6) return [host];
  if (host === '0.0.0.0') return ['::'];
  return host === '127.0.0.1' ? ['127.0.0.1', '::1'] : [host];
}

/**
 * Rejects with the error of the system when one of the hosts cannot be listened on. `refused` is told of each connection that could not be accepted later, for want
 * of descriptors (EMFILE): it is closed, the listener goes on.
 */
export async function listenTcp(names: string[], port: number, tcp: TcpOptions, accept: (s: net.Socket) => void, refused: (e: NodeJS.ErrnoException) => void): Promise<Listening> {
  const onSocket = (socket: net.Socket): void => {
    // Every later owner adds its own; without one at all times a reset would end the process.
    socket.on('error', ignore);
    accept(socket);
  };
  const servers = await Promise.all(names.map((host) => new Promise<net.Server>((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true }, onSocket);
    server.once('error', reject);
    server.listen({ host, port, backlog: 4096 }, () => {
      server.off('error', reject).on('error', refused);
      inherit(server, tcp);
      resolve(server);
    });
  })));
  return { close: () => { for (const s of servers) s.close(); } };
}

function ignore(): void {}
