/**
 * Output buffers and the list of wires with something to write. One of each for the process: idle connections hold no buffers.
 *
 * Most of what is written in a turn is a message or two, so a wire begins with a small buffer and goes on in a large one.
 */
export const CHUNK = 64 * 1024;
export const SMALL_CHUNK = 4096;
/** Wires that may wait with a buffer each: more busy connections than this cost writes, not memory. */
const MAX_WAITING = 32;
/** Buffers kept for reuse: those of the wires that wait, and some that the kernel has not taken. */
const KEEP = MAX_WAITING;
const KEEP_SMALL = 2 * MAX_WAITING;
const free: Buffer[] = [];
const freeSmall: Buffer[] = [];

/** CHUNK octets. */
export function takeChunk(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
}

/** SMALL_CHUNK octets. */
export function takeSmall(): Buffer {
  return freeSmall.pop() ?? Buffer.allocUnsafeSlow(SMALL_CHUNK);
}

/** Takes either back. */
export function giveChunk(b: Buffer): void {
  if (b.length === SMALL_CHUNK) {
    if (freeSmall.length < KEEP_SMALL) freeSmall.push(b);
  } else if (free.length < KEEP) free.push(b);
}

/** Buffers for content that has to wait, and how many are kept: eight streams' windows. */
export const PIECE = 16 * 1024;
const KEEP_PIECES = 128;
const freePieces: Buffer[] = [];

export function takePiece(): Buffer {
  return freePieces.pop() ?? Buffer.allocUnsafeSlow(PIECE);
}

/** Buffers of other sizes are let go of. */
export function givePiece(b: Buffer): void {
  if (freePieces.length < KEEP_PIECES && b.length === PIECE) freePieces.push(b);
}

/** Lets go of the buffers that nobody uses. */
export function dropChunks(): void {
  for (const pool of [free, freeSmall, freePieces]) pool.length = 0;
}

export interface Flushable { flush(): void }

let dirty: Flushable[] = [];
let spare: Flushable[] = [];
let scheduled = false;

/**
 * Has `w` flushed once at the end of this turn of the event loop, so that everything written in a turn is one system call a socket. When many wires wait,
 * those before it are flushed at once: a turn with a thousand busy connections would hold a buffer for each.
 */
export function flushLater(w: Flushable): void {
  if (dirty.length >= MAX_WAITING) flushDirty();
  dirty.push(w);
  if (!scheduled) {
    scheduled = true;
    setImmediate(flushAll);
  }
}

function flushAll(): void {
  scheduled = false;
  flushDirty();
}

function flushDirty(): void {
  const batch = dirty;
  dirty = spare;
  spare = batch;
  for (let i = 0; i < batch.length; i++) batch[i]!.flush();
  batch.length = 0;
}
