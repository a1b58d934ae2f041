import type { Socket } from 'node:net';
import { readHeld } from './read-held.ts';

type Sink = (buf: Buffer, start: number, end: number) => void;

/** One read buffer for the whole process: every byte is consumed inside the callback that brings it. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

interface Handle { useUserBuffer?: (b: Buffer) => void; reading?: boolean; readStart?: () => number }

let symbols: { buffer: symbol; callback: symbol } | null | undefined;

function findSymbols(socket: Socket): { buffer: symbol; callback: symbol } | null {
  const seen = new Map<string, symbol>();
  for (let o: object | null = socket; o !== null; o = Object.getPrototypeOf(o) as object | null)
    for (const s of Object.getOwnPropertySymbols(o)) if (s.description !== undefined && !seen.has(s.description)) seen.set(s.description, s);
  const buffer = seen.get('kBuffer');
  const callback = seen.get('kBufferCb');
  return buffer !== undefined && callback !== undefined ? { buffer, callback } : null;
}

/**
 * Feeds everything that `socket` reads to `sink`, through the shared buffer where the runtime allows it (net.Socket's `onread` option does the same,
 * but only for sockets that connect), by 'data' events elsewhere. Bytes that the socket holds already come first.
 */
export function readInto(socket: Socket, sink: Sink): void {
  const held = readHeld(socket);
  if (held !== null) sink(held, 0, held.length);
  if (socket.destroyed) return;
  const handle = (socket as unknown as { _handle?: Handle | null })._handle;
  if (symbols === undefined) symbols = findSymbols(socket);
  if (symbols !== null && handle?.useUserBuffer !== undefined) {
    const bag = socket as unknown as Record<symbol, unknown>;
    bag[symbols.buffer] = READ_BUFFER;
    bag[symbols.callback] = (n: number, buf: Buffer) => {
      sink(buf, 0, n);
      return true;
    };
    handle.useUserBuffer(READ_BUFFER);
    socket.resume();
    if (handle.reading !== true) {
      handle.reading = true;
      handle.readStart?.();
    }
    return;
  }
  socket.on('data', (b: Buffer) => sink(b, 0, b.length));
}
