import { createRequire } from 'node:module';

/** Anything with a descriptor: net.Socket, tls.TLSSocket, net.Server. */
export interface Handled { _handle?: { fd?: number } | null }

type Get = (fd: number, level: number, name: number, value: Buffer, length: number[]) => number;
type Set = (fd: number, level: number, name: number, value: Buffer, length: number) => number;

let libc: { get: Get; set: Set } | null = null;

/**
 * getsockopt and setsockopt by way of koffi, on the descriptor that Node keeps in the undocumented `_handle.fd` (present on Node 20 to 26 and Bun). Loads the
 * native module when first used.
 */
function load(): { get: Get; set: Set } {
  if (libc === null) {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const c = koffi.load('libc.so.6');
    libc = {
      get: c.func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *len)'),
      set: c.func('int setsockopt(int fd, int level, int name, uint8_t *value, uint32_t len)'),
    };
  }
  return libc;
}

const length = [0];

/** Fills `value`; false when the socket has no such option, or is gone. */
export function getOption(socket: unknown, level: number, name: number, value: Buffer): boolean {
  const fd = (socket as Handled)._handle?.fd ?? -1;
  if (fd < 0) return false;
  length[0] = value.length;
  return load().get(fd, level, name, value, length) === 0;
}

/** False when the option was not taken, or the socket is gone. */
export function setOption(socket: unknown, level: number, name: number, value: Buffer): boolean {
  const fd = (socket as Handled)._handle?.fd ?? -1;
  return fd >= 0 && load().set(fd, level, name, value, value.length) === 0;
}
