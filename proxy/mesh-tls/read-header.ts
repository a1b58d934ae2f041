import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { readHeld } from '../io/read-held.ts';
import { decodeTransportHeader, type ReceivedHeader } from './transport-header.ts';

/** A peer sends its header right behind its handshake. */
const TIMEOUT_MS = 10_000;

/** Reads the transport header off a connection; `done` gets it and the bytes behind it, `failed` is called when there is none. */
export function readTransportHeader(socket: Socket, clock: Clock, done: (header: ReceivedHeader, rest: Buffer) => void, failed: () => void): void {
  let bytes = Buffer.alloc(0);
  const stop = (): void => {
    clock.cancel(timer);
    socket.off('readable', onReadable);
    socket.off('close', onClose);
  };
  const fail = (): void => {
    stop();
    failed();
  };
  const onReadable = (): void => {
    const chunk = readHeld(socket);
    if (chunk === null) return;
    bytes = bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([bytes, chunk]);
    const r = decodeTransportHeader(bytes);
    if (r === 'more') return;
    if (r === 'bad') {
      fail();
      return;
    }
    stop();
    done(r.header, bytes.subarray(r.length));
  };
  const onClose = (): void => fail();
  const timer = clock.after(TIMEOUT_MS, fail);
  socket.on('readable', onReadable);
  socket.once('close', onClose);
}
