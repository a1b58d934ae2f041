import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { readHeld } from '../io/read-held.ts';
import { Peek } from './peek.ts';

export interface NegotiateOptions {
  clock: Clock;
  /** bytes of the client that were read already */
  first: Buffer | null;
  /** silence of the client after which the server is dialled as well, to see whether it speaks first; milliseconds */
  quietMs: number;
  partialMs: number;
  /** counts something cut off, by its stable reason */
  count: (reason: string) => void;
  /** opens a connection for opaque bytes; returns the way to give up */
  dial: (done: (server: Socket) => void, failed: () => void) => () => void;
  onHttp: (version: 1 | 2, bytes: Buffer) => void;
  /** TLS that was not looked into; sni '' when it has none. Return false to treat it as opaque bytes */
  onTls: (sni: string, bytes: Buffer) => boolean;
  /** `early`: the connection to the server that was opened while the client had not said anything; null: open one */
  onOpaque: (bytes: Buffer, early: Socket | null, serverFirst: boolean) => void;
  onEof: () => void;
}

/**
 * Finds out what a connection carries. A silent client means that the server may be the one to speak first (SMTP, MySQL, SSH): the server is then
 * dialled in parallel, and whoever speaks first decides. Nobody waits for a detection timeout.
 */
export function negotiate(socket: Socket, o: NegotiateOptions): void {
  let early: Socket | null = null;
  /** what the server said first, when that decides nothing */
  let held: Buffer | null = null;
  let cancelDial: (() => void) | null = null;
  let decided = false;

  const serverSpoke = (): void => {
    if (decided || early === null) return;
    const said = readHeld(early);
    if (said !== null && isSettings(said)) {
      // An HTTP/2 server need not wait for its client: who the client is decides.
      held = said;
      early.off('readable', serverSpoke);
      return;
    }
    decided = true;
    early.off('readable', serverSpoke);
    if (said !== null) early.unshift(said);
    o.onOpaque(peek.take(), early, true);
  };
  const dropEarly = (): void => {
    cancelDial?.();
    if (early === null) return;
    early.off('readable', serverSpoke);
    early.on('error', ignore);
    early.destroy();
    early = null;
  };
  const peek = new Peek(socket, {
    clock: o.clock,
    quietMs: o.quietMs,
    partialMs: o.partialMs,
    first: o.first,
    count: o.count,
    onQuiet: () => {
      cancelDial = o.dial((e) => {
        cancelDial = null;
        early = e;
        e.on('readable', serverSpoke);
        // A server that closes without a word has decided too.
        e.once('end', serverSpoke);
      }, () => { cancelDial = null; });
    },
    onResult: (kind, bytes, sni) => {
      if (decided) return;
      decided = true;
      if (kind === 'eof') {
        dropEarly();
        o.onEof();
      } else if (kind === 'http1' || kind === 'http2') {
        dropEarly();
        o.onHttp(kind === 'http1' ? 1 : 2, bytes);
      } else if (kind === 'tls' && o.onTls(sni, bytes)) {
        dropEarly();
      } else {
        cancelDial?.();
        early?.off('readable', serverSpoke);
        if (held !== null) early?.unshift(held);
        o.onOpaque(bytes, early, false);
      }
    },
  });
}

/** A SETTINGS frame on stream 0, which is what an HTTP/2 server says first (RFC 9113 3.4). */
function isSettings(b: Buffer): boolean {
  return b.length >= 9 && b[0] === 0 && b[3] === 4 && b[4] === 0 && b.readUInt32BE(5) === 0;
}

// The connection was only a question; how it ends does not matter.
function ignore(): void {}
