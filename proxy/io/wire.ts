/**
 * One socket (plain or TLS) as the codecs see it: bytes in by callback from one process-wide read buffer, bytes out through pooled buffers, one write a turn.
 *
 * Reading into a shared buffer and writing once a turn are worth 10 to 37 % of a proxy's CPU (docs/performance.md). The shared read buffer needs the
 * socket's `onread` machinery, which Node offers for connects only, so attach() reaches for the symbols that the option sets and
 * falls back to 'data' events where they are missing (another runtime).
 */
import type { Socket } from 'node:net';
import { beginEvent, endEvent } from '../../lib/clock.ts';
import { type Holder, held as budget } from './held.ts';
import { CHUNK, flushLater, giveChunk, SMALL_CHUNK, takeChunk, takeSmall } from './pool.ts';
import { readInto } from './read-into.ts';
import { writeError, writeHandle, writeNow, type WriteHandle, type Writer } from './write-now.ts';

/** What a codec implements to be fed. Bytes are borrowed for the call. */
export interface Reader {
  read(buf: Buffer, start: number, end: number): void;
  /** the peer will send nothing more (FIN or close_notify) */
  eof(): void;
  /** the backlog has fallen, after the wire had been congested */
  drained(): void;
  /** the process holds too much (held.ts), and this connection the most: it counts that and lets go of memory, by wire.destroy() or less */
  shed(): void;
  /** the socket is gone; called exactly once, last */
  closed(error: Error | null): void;
}

/** A congested wire's producers go on when this many bytes or less wait for the kernel. */
const LOW_WATER = 64 * 1024;
const EMPTY = Buffer.alloc(0);

let bug = (error: unknown): void => {
  throw error;
};

/** Who is told of an exception that a codec or layer let through; without one it is thrown on. */
export function onBug(f: (error: unknown) => void): void {
  bug = f;
}

export class Wire implements Holder, Writer {
  readonly socket: Socket;
  /** write cursor into `out`; use through room() */
  pos = 0;
  out: Buffer | null = null;
  readBytes = 0;
  writtenBytes = 0;
  /** see Holder */
  held = 0;
  private reader: Reader | null = null;
  private dirty = false;
  private inFlight = 0;
  private full = false;
  private dead = false;
  /** nothing is held any more */
  private gone = false;
  private finishing = false;
  /** what was written last did not fit in a small buffer */
  private wide = false;
  private error: Error | null = null;
  /** TLS, whose writes never complete at once */
  private readonly secure: boolean;
  /** where a plain socket's writes go when none is in flight; null: through the stream */
  private direct: WriteHandle | null = null;
  /** the buffer of a direct write that waits for the kernel, and how much of it */
  private pending: Buffer | null = null;
  private pendingBytes = 0;

  /** `socket` must have no data listener; bytes that it has buffered already are delivered first. */
  constructor(socket: Socket) {
    this.socket = socket;
    this.secure = (socket as { encrypted?: boolean }).encrypted === true;
    budget.join(this);
    socket.on('error', (e: Error) => { this.error ??= e; });
    socket.once('close', () => this.onClose());
  }

  /** Starts reading; `first` (kept only for the call) is delivered before what the socket brings, for bytes consumed by detection. */
  start(reader: Reader, first: Buffer | null = null): void {
    this.reader = reader;
    if (this.dead) {
      queueMicrotask(() => reader.closed(this.error));
      return;
    }
    this.socket.on('end', () => { if (!this.dead) this.reader?.eof(); });
    if (first !== null && first.length > 0) this.deliver(first, 0, first.length);
    if (this.dead || this.socket.destroyed) return;
    if (this.socket.readableEnded) {
      // It ended while nobody listened: between detection and here.
      queueMicrotask(() => { if (!this.dead) this.reader?.eof(); });
      return;
    }
    readInto(this.socket, (buf, start, end) => this.deliver(buf, start, end));
  }

  /** Hands the wire to another codec from now on (Upgrade). */
  handOver(reader: Reader): void {
    this.reader = reader;
  }

  private deliver(buf: Buffer, start: number, end: number): void {
    this.readBytes += end - start;
    if (this.dead || this.reader === null) return;
    beginEvent();
    try {
      this.reader.read(buf, start, end);
    } catch (e) {
      // A defect in one connection's handling ends that connection, not the others.
      this.destroy(e as Error);
      endEvent();
      bug(e);
    }
    endEvent();
  }

  /** bytes accepted and not yet taken by the kernel */
  get backlog(): number {
    return this.inFlight + this.pos;
  }

  /** those of writtenBytes that the kernel has not taken */
  get unsent(): number {
    return this.inFlight;
  }

  /** true when consumers should withhold credit until drained() */
  get congested(): boolean {
    // Without a write in flight nothing would say that it is over.
    if (this.inFlight > 0 && this.inFlight + this.pos > budget.highWater) this.full = true;
    return this.full;
  }

  get closed(): boolean {
    return this.dead;
  }

  /** A buffer with at least n (at most CHUNK) writable bytes at this.pos; the caller advances this.pos by what it wrote. */
  room(n: number): Buffer {
    if (this.out !== null && this.out.length - this.pos < n) {
      if (this.pos + n <= CHUNK) return this.widen(this.out);
      this.flush();
    }
    if (!this.dirty) {
      // May flush this wire too, if an earlier full buffer of it still stands in the list: so first this, then the buffer.
      flushLater(this);
      this.dirty = true;
    }
    this.out ??= this.wide || n > SMALL_CHUNK ? takeChunk() : takeSmall();
    return this.out;
  }

  /** Goes on in a large buffer. */
  private widen(small: Buffer): Buffer {
    const out = takeChunk();
    small.copy(out, 0, 0, this.pos);
    giveChunk(small);
    this.out = out;
    return out;
  }

  /** Copies buf[start, end) out; any length. */
  write(buf: Uint8Array, start = 0, end = buf.length): void {
    while (start < end) {
      const out = this.room(Math.max(1, Math.min(end - start, CHUNK - this.pos)));
      const n = Math.min(end - start, out.length - this.pos);
      if (n < 48) for (let i = 0; i < n; i++) out[this.pos + i] = buf[start + i]!;
      else out.set(start === 0 && n === buf.length ? buf : buf.subarray(start, start + n), this.pos);
      this.pos += n;
      start += n;
    }
  }

  /** Copies a latin1 string out. */
  writeLatin1(s: string): void {
    if (s.length > CHUNK) {
      this.write(Buffer.from(s, 'latin1'));
      return;
    }
    const out = this.room(s.length);
    this.pos += out.write(s, this.pos, 'latin1');
  }

  flush(): void {
    this.dirty = false;
    const buf = this.out;
    const n = this.pos;
    if (buf === null) return;
    this.out = null;
    this.pos = 0;
    if (this.dead || n === 0) {
      giveChunk(buf);
      if (this.finishing) this.finish();
      return;
    }
    this.writtenBytes += n;
    this.wide = n > SMALL_CHUNK;
    if (this.direct !== null && this.inFlight === 0) this.writeDirect(this.direct, buf, n);
    else this.writeStream(buf, n);
    if (this.finishing) this.finish();
  }

  private writeDirect(handle: WriteHandle, buf: Buffer, n: number): void {
    const status = writeNow(handle, n === buf.length ? buf : buf.subarray(0, n), this);
    if (status > 0) {
      this.pending = buf;
      this.pendingBytes = n;
      this.inFlight += n;
      this.hold(buf.length);
      return;
    }
    giveChunk(buf);
    if (status < 0) this.socket.destroy(writeError(status));
  }

  /** What writeDirect left to the kernel is done. */
  written(status: number): void {
    const buf = this.pending!;
    this.pending = null;
    this.settled(buf, this.pendingBytes);
    if (status < 0) this.socket.destroy(writeError(status));
  }

  private writeStream(buf: Buffer, n: number): void {
    const socket = this.socket;
    const idle = socket.writableLength === 0;
    if (idle && !this.secure) {
      if (this.inFlight === 0) this.direct = writeHandle(socket);
      socket.write(n === buf.length ? buf : buf.subarray(0, n));
      // A plain socket's write often completes at once; then the buffer is ours again without a callback.
      if (socket.writableLength === 0) giveChunk(buf);
      else socket.write(EMPTY, this.sent(buf, n));
    } else {
      const sent = n > SMALL_CHUNK ? buf : smaller(buf, n);
      socket.write(n === sent.length ? sent : sent.subarray(0, n), this.sent(sent, n));
    }
  }

  /** Accounts for a write of n bytes of `buf` that does not complete at once; to be called when it has. */
  private sent(buf: Buffer, n: number): () => void {
    this.inFlight += n;
    this.hold(buf.length);
    return () => this.settled(buf, n);
  }

  private settled(buf: Buffer, n: number): void {
    giveChunk(buf);
    this.inFlight -= n;
    this.hold(-buf.length);
    this.maybeDrained();
  }

  /** `octets` more are held for this connection, or fewer. */
  hold(octets: number): void {
    if (this.gone) return;
    this.held += octets;
    budget.change(octets);
  }

  private release(): void {
    if (this.gone) return;
    this.gone = true;
    budget.leave(this);
    const octets = this.held;
    this.held = 0;
    budget.change(-octets);
  }

  shed(): void {
    if (this.reader === null) this.destroy();
    else this.reader.shed();
  }

  private maybeDrained(): void {
    if (this.full && this.inFlight + this.pos <= Math.min(LOW_WATER, budget.highWater)) {
      this.full = false;
      if (!this.dead) this.reader?.drained();
    }
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (!this.dead) this.socket.resume();
  }

  /** Writes what is buffered, then FIN (close_notify); reading goes on. */
  finish(): void {
    this.finishing = true;
    if (this.pos > 0) {
      this.flush();
      return;
    }
    if (!this.socket.writableEnded) this.socket.end();
  }

  /** Writes what is buffered, then closes both directions. */
  close(): void {
    this.finish();
    this.socket.destroySoon();
  }

  /** Drops everything at once. */
  destroy(error?: Error): void {
    if (error !== undefined) this.error ??= error;
    this.socket.destroy();
    this.release();
  }

  private onClose(): void {
    if (this.dead) return;
    this.dead = true;
    this.release();
    if (this.out !== null) {
      giveChunk(this.out);
      this.out = null;
      this.pos = 0;
    }
    this.reader?.closed(this.error);
  }
}

/** The first n octets in a small buffer: so many may wait for the kernel that a large one for each would be too much. */
function smaller(buf: Buffer, n: number): Buffer {
  if (buf.length === SMALL_CHUNK) return buf;
  const small = takeSmall();
  buf.copy(small, 0, 0, n);
  giveChunk(buf);
  return small;
}
