/** One gRPC call as it is served: its request read, its answers and its end written, on a stream of node:http2. Source: grpc.io, PROTOCOL-HTTP2. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import { FrameError, FrameParser } from '../../lib/grpc/frame.ts';
import { encodeMessage, STATUS } from '../../lib/grpc/status.ts';
import type { Caller } from './caller.ts';

/** What a handler knows of its call. */
export interface CallContext {
  readonly caller: Caller;
  /** aborted when the client is gone, when its deadline has passed, and when the server stops: with the error that the client is to see */
  readonly signal: AbortSignal;
}

/** Messages as they go over the wire, each with its prefix. The bytes may be shared by any number of calls: nobody changes them. */
export interface Frames { readonly bytes: Buffer; readonly count: number }

/** The answering side of a watch. */
export interface Outgoing {
  /** False says that the client is behind: nothing more is to be sent before `onDrain`. */
  send(frames: Frames): boolean;
  /** Ends the call. What is no ConnectError is logged, and the client sees INTERNAL. */
  fail(error: unknown): void;
  /** called each time the client has caught up */
  onDrain: () => void;
  /** called once, when the call is over for whatever reason */
  onEnd: () => void;
}

/** Requests of the API are a few kilobytes at most (a CSR and a token). */
const MAX_REQUEST_BYTES = 256 * 1024;
const HEADERS = { ':status': constants.HTTP_STATUS_OK, 'content-type': 'application/grpc+proto' } as const;
const nothing = (): void => undefined;
/** Made once: an error costs a stack trace, and these are of every call. */
const GONE = new ConnectError('the client has ended the call', Code.Canceled);
const COMPLETE = new ConnectError('the call is complete', Code.Canceled);
/**
 * A long message goes out in pieces, each once the one before has left: for a longer write Node's TLS takes a buffer of that size and keeps it for the life of
 * the connection (set_allocate_tls_hint, from 16 KB on). The first message of a Service with a thousand endpoints cost 290 KB of memory a client.
 */
const PIECE_BYTES = 4000;

/** An answer given before the whole request came must not leave the client waiting for a window to send the rest in (RFC 9113 8.1). */
export function release(stream: ServerHttp2Stream): void {
  if (stream.readableEnded || stream.endAfterHeaders) return;
  // closed any earlier, the trailers with the status would be lost
  setImmediate(() => {
    stream.resume();
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

export class ServerCall implements CallContext, Outgoing {
  readonly caller: Caller;
  onDrain: () => void = nothing;
  onEnd: () => void = nothing;
  readonly #stream: ServerHttp2Stream;
  /** of an error that no handler meant */
  readonly #unmeant: (error: unknown) => void;
  #controller: AbortController | null = null;
  /** there is nobody who looks at the signal */
  pushed = false;
  #ended: ConnectError | null = null;
  #over = false;
  /** between two pieces of a message */
  #within = false;

  constructor(stream: ServerHttp2Stream, caller: Caller, unmeant: (error: unknown) => void) {
    this.#stream = stream;
    this.caller = caller;
    this.#unmeant = unmeant;
    stream.on('error', nothing);
    stream.once('close', () => this.#end(GONE));
  }

  /** Calls back with the one message of the request, once it is complete. */
  read(done: (message: Uint8Array) => void): void {
    const stream = this.#stream;
    let message: Uint8Array | null = null;
    const parser = new FrameParser((bytes) => {
      if (message !== null) throw new FrameError(STATUS.UNIMPLEMENTED, 'a second message in a call that takes one');
      message = Uint8Array.from(bytes);
    }, MAX_REQUEST_BYTES);
    const over = (): void => void stream.off('data', data).off('end', end);
    const refuse = (code: number, why: string): void => {
      over();
      this.fail(new ConnectError(why, code));
    };
    const data = (chunk: Buffer): void => {
      try {
        parser.push(chunk);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        refuse(error.status, error.message);
      }
    };
    const end = (): void => {
      over();
      if (message === null || !parser.idle) refuse(Code.InvalidArgument, 'the request has no whole message');
      else done(message);
    };
    stream.on('data', data).on('end', end);
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#ended !== null) this.#controller.abort(this.#ended);
    }
    return this.#controller.signal;
  }

  /** True once nothing can be answered any more. */
  get over(): boolean {
    return this.#over || this.#stream.destroyed;
  }

  send({ bytes }: Frames): boolean {
    if (this.over) return true;
    if (!this.#stream.headersSent) this.#stream.respond(HEADERS, { waitForTrailers: true });
    if (bytes.length > PIECE_BYTES) {
      this.#pieces(bytes, 0);
      return false;
    }
    if (this.#stream.write(bytes)) return true;
    this.#stream.once('drain', () => this.onDrain());
    return false;
  }

  #pieces(bytes: Buffer, at: number): void {
    const end = at + PIECE_BYTES;
    this.#within = end < bytes.length;
    this.#stream.write(bytes.subarray(at, end), () => {
      if (this.over) return;
      if (this.#within) this.#pieces(bytes, end);
      else this.onDrain();
    });
  }

  /** Resolves once more may be sent, or the call is over. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.over) resolve();
      this.onDrain = resolve;
      this.onEnd = resolve;
    });
  }

  complete(): void {
    this.#finish(null);
  }

  fail(error: unknown): void {
    if (this.over) return;
    if (error instanceof ConnectError) return this.#finish(error);
    this.#unmeant(error);
    this.#finish(new ConnectError('internal error', Code.Internal));
  }

  /** Tells the handler to end, which it does in its own time; a watch ends at once. */
  abort(reason: ConnectError): void {
    this.#ended ??= reason;
    this.#controller?.abort(reason);
    if (this.pushed) this.fail(reason);
  }

  #finish(error: ConnectError | null): void {
    if (this.over) return;
    const stream = this.#stream;
    if (this.#within) return stream.close(constants.NGHTTP2_CANCEL);
    const trailers = { 'grpc-status': String(error?.code ?? STATUS.OK), ...(error !== null && { 'grpc-message': encodeMessage(error.rawMessage) }) };
    if (stream.headersSent) {
      stream.once('wantTrailers', () => {
        stream.sendTrailers(trailers);
        release(stream);
      });
      stream.end();
    } else {
      stream.respond({ ...HEADERS, ...trailers }, { endStream: true });
      release(stream);
    }
    this.#end(error ?? COMPLETE);
  }

  #end(reason: ConnectError): void {
    if (this.#over) return;
    this.#over = true;
    this.abort(reason);
    this.onEnd();
    this.onDrain = nothing;
    this.onEnd = nothing;
  }
}
