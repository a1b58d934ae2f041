import type { Socket } from 'node:net';
import { getOption } from '../tcp/sockopt.ts';
import { ipv6Text, origDst, type OrigDst } from './addr.ts';

/** Where the client wanted to go before iptables redirected it here; null when the connection was not redirected. */
export type GetOrigDst = (socket: Socket) => OrigDst | null;

const SO_ORIGINAL_DST = 80;
const SOL_IP = 0;
const SOL_IPV6 = 41;

/** getsockopt(SO_ORIGINAL_DST), which netfilter answers for connections that it redirected. */
export function createGetOrigDst(): GetOrigDst {
  const value = Buffer.alloc(28);
  return (socket) => {
    // Ask in the connection's own family: an IPv4 connection on a dual-stack listener answers at level IP only.
    const v6 = socket.localAddress?.includes(':') === true && !socket.localAddress.startsWith('::ffff:');
    return getOption(socket, v6 ? SOL_IPV6 : SOL_IP, SO_ORIGINAL_DST, value) ? parseSockaddr(value) : null;
  };
}

/** struct sockaddr_in or sockaddr_in6 (Linux, little-endian family). */
export function parseSockaddr(b: Buffer): OrigDst | null {
  const family = b.readUInt16LE(0);
  const port = b.readUInt16BE(2);
  if (family === 2) return origDst(`${b[4]}.${b[5]}.${b[6]}.${b[7]}`, port);
  if (family !== 10) return null;
  const groups: number[] = [];
  for (let i = 0; i < 8; i++) groups.push(b.readUInt16BE(8 + i * 2));
  return origDst(ipv6Text(groups), port);
}

/** For tests and the bench without a redirect: every connection counts as meant for one address. */
export function fixedOrigDst(ip: string, port: number): GetOrigDst {
  const dst = origDst(ip, port);
  return () => dst;
}
