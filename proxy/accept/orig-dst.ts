import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { origDst, type OrigDst } from './addr.ts';

/** Where the client wanted to go before iptables redirected it here; null when the connection was not redirected. */
export type GetOrigDst = (socket: Socket) => OrigDst | null;

const SO_ORIGINAL_DST = 80;
const SOL_IP = 0;
const SOL_IPV6 = 41;

/**
 * getsockopt(SO_ORIGINAL_DST) by way of koffi, on the descriptor that Node keeps in the undocumented `_handle.fd` (present on Node 20 to 26 and
 * Bun). Loads the native module, so call it once.
 */
export function createGetOrigDst(): GetOrigDst {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const getsockopt = koffi.load('libc.so.6').func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *len)');
  const value = Buffer.alloc(28);
  const len = [28];
  return (socket) => {
    const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
    if (fd < 0) return null;
    len[0] = 28;
    // An IPv4 connection on a dual-stack listener answers at level IP only.
    if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, value, len) === 0) return parseSockaddr(value);
    len[0] = 28;
    return getsockopt(fd, SOL_IPV6, SO_ORIGINAL_DST, value, len) === 0 ? parseSockaddr(value) : null;
  };
}

/** struct sockaddr_in or sockaddr_in6 (Linux, little-endian family). */
export function parseSockaddr(b: Buffer): OrigDst | null {
  const family = b.readUInt16LE(0);
  const port = b.readUInt16BE(2);
  if (family === 2) return origDst(`${b[4]}.${b[5]}.${b[6]}.${b[7]}`, port);
  if (family !== 10) return null;
  const groups: string[] = [];
  for (let i = 0; i < 8; i++) groups.push(b.readUInt16BE(8 + i * 2).toString(16));
  return origDst(groups.join(':'), port);
}

/** For tests and the bench without a redirect: every connection counts as meant for one address. */
export function fixedOrigDst(ip: string, port: number): GetOrigDst {
  const dst = origDst(ip, port);
  return () => dst;
}
