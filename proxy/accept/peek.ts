import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../lib/clock.ts';
import { held, type Holder } from '../io/held.ts';
import { readHeld } from '../io/read-held.ts';
import { detect, type Detected } from './detect.ts';

export interface PeekOptions {
  clock: Clock;
  /** after this long without a byte from the client, onQuiet is called once: the server may be the one to speak first */
  quietMs: number;
  /** after this long without another byte of an unfinished first line, the connection counts as opaque */
  partialMs: number;
  /** bytes that arrived already */
  first?: Buffer | null;
  /** counts something cut off, by its stable reason */
  count: (reason: string) => void;
  onQuiet: () => void;
  /** called once; `bytes` are the client's so far and are the callee's to keep. 'eof' when it ended or broke without being anything */
  onResult: (detected: Exclude<Detected['kind'], 'more'> | 'eof', bytes: Buffer, sni: string) => void;
}

/** First byte of a TLS record that carries a handshake (RFC 8446 5.1). */
const HANDSHAKE = 22;
/**
 * What a first line may take as a whole, in however many pieces, and a ClientHello, whose pieces may come as late as they like: taken for opaque, a
 * peer's hello would go to the application. Milliseconds.
 */
const WHOLE_MS = 10_000;

/** Looks at what a client says first, without losing a byte. The socket is left without listeners of ours and not flowing. */
export class Peek implements Holder {
  /** bytes of a first line or hello that is not complete */
  held = 0;
  private readonly socket: Socket;
  private readonly opts: PeekOptions;
  private bytes: Buffer;
  private timer: Timer | null = null;
  private done = false;
  private deadline = 0;

  constructor(socket: Socket, opts: PeekOptions) {
    this.socket = socket;
    this.opts = opts;
    this.bytes = opts.first ?? Buffer.alloc(0);
    socket.on('readable', this.onReadable);
    socket.on('end', this.onEnd);
    socket.on('error', this.onEnd);
    socket.on('close', this.onEnd);
    if (this.bytes.length > 0) this.judge();
    else if (opts.quietMs > 0) this.timer = opts.clock.after(opts.quietMs, () => opts.onQuiet());
    // A timer of nothing would be one of a millisecond.
    else queueMicrotask(() => { if (!this.done) opts.onQuiet(); });
  }

  /** Stops looking; what has been read so far is the caller's. Nothing is called afterwards. */
  take(): Buffer {
    this.finish();
    return this.bytes;
  }

  private readonly onReadable = (): void => {
    const chunk = readHeld(this.socket);
    if (chunk === null || this.done) return;
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    this.judge();
  };

  private readonly onEnd = (): void => {
    if (this.done) return;
    this.finish();
    this.opts.onResult(this.bytes.length === 0 || this.socket.destroyed ? 'eof' : 'opaque', this.bytes, '');
  };

  private judge(): void {
    const d = detect(this.bytes);
    if (d.kind === 'more') this.hold();
    const { clock, partialMs } = this.opts;
    clock.cancel(this.timer);
    if (d.kind === 'more') {
      const now = clock.now();
      if (this.deadline === 0) this.deadline = now + Math.max(WHOLE_MS, partialMs);
      const left = this.deadline - now;
      this.timer = clock.after(this.bytes[0] === HANDSHAKE ? left : Math.min(left, partialMs), () => this.result('opaque', ''));
      return;
    }
    this.result(d.kind, d.kind === 'tls' ? d.sni : '');
  }

  private result(kind: Exclude<Detected['kind'], 'more'>, sni: string): void {
    if (this.done) return;
    this.finish();
    this.opts.onResult(kind, this.bytes, sni);
  }

  private hold(): void {
    if (this.held === 0) held.join(this);
    const more = this.bytes.length - this.held;
    this.held = this.bytes.length;
    held.change(more);
  }

  /** The process holds too much, and this connection the most. */
  shed(): void {
    if (this.done) return;
    this.opts.count('memory-cap');
    this.finish();
    this.socket.destroy();
    this.opts.onResult('eof', this.bytes, '');
  }

  private finish(): void {
    this.done = true;
    if (this.held > 0) {
      held.leave(this);
      held.change(-this.held);
      this.held = 0;
    }
    this.opts.clock.cancel(this.timer);
    this.socket.off('readable', this.onReadable);
    this.socket.off('end', this.onEnd);
    this.socket.off('error', this.onEnd);
    this.socket.off('close', this.onEnd);
  }
}
