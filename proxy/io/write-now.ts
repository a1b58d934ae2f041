/**
 * Writes to a plain socket past Node's stream: a socket that takes all it is given at once needs none of the stream's bookkeeping, which is a fifth of what a proxied
 * HTTP/1 request allocates. It speaks to the socket's handle as net.Socket does, and finds out from the first write of a stream how that is; where it
 * cannot (another runtime, a stream of a test), the stream is used.
 */
import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

/** Who is told when the kernel has taken a write that waited. */
export interface Writer {
  /** 0, or a negative error of libuv */
  written(status: number): void;
}

export interface WriteHandle {
  writeBuffer: (request: Request, bytes: Uint8Array) => number;
  /** bytes that the kernel has not taken */
  readonly writeQueueSize: number;
}

/** What a write hands to the handle: its class is Node's own. */
interface Request { oncomplete: (status: number) => void; writer: Writer | null; bytes: Uint8Array | null }

let RequestOfNode: (new () => Request) | null = null;

/** The handle by which `socket`, whose stream has nothing in hand, can be written to after the write that it is about to be given; null while its stream has to be used. */
export function writeHandle(socket: Socket): WriteHandle | null {
  const handle = (socket as unknown as { _handle?: Partial<WriteHandle> | null })._handle;
  if (typeof handle?.writeBuffer !== 'function' || typeof handle.writeQueueSize !== 'number' || socket.connecting) return null;
  if (RequestOfNode !== null) return handle as WriteHandle;
  learn(handle as WriteHandle);
  return null;
}

/** The next write, which is the stream's, shows what it passes. */
function learn(handle: WriteHandle): void {
  handle.writeBuffer = (request, bytes) => {
    delete (handle as Partial<WriteHandle>).writeBuffer;
    RequestOfNode = request.constructor as new () => Request;
    return handle.writeBuffer(request, bytes);
  };
}

/**
 * Writes `bytes`, with nothing in hand before them. 0: the kernel has all of them. A positive number of them is still to be taken: they must stay as they are until
 * `writer` is told. Negative: an error of libuv.
 */
export function writeNow(handle: WriteHandle, bytes: Uint8Array, writer: Writer): number {
  const request = new RequestOfNode!();
  request.oncomplete = complete;
  request.writer = null;
  request.bytes = null;
  const status = handle.writeBuffer(request, bytes);
  if (status !== 0) return status;
  const waiting = handle.writeQueueSize;
  if (waiting > 0) {
    request.writer = writer;
    request.bytes = bytes;
  }
  return waiting;
}

function complete(this: Request, status: number): void {
  this.writer?.written(status);
}

/** As net.Socket would have it. */
export function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}
