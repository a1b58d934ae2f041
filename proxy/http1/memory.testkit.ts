/** A server connection without a socket: bytes are handed to the codec as reads, and what it writes is kept as text. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { ManualClock } from '../../lib/clock.ts';
import { Wire, type Reader } from '../io/wire.ts';
import { ResponseHead, type Fields, type RequestHead, type RequestStream, type ResponseStream, type ServerConnection, type Service } from '../message/contract.ts';
import { HttpDate } from '../message/date.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { serverOptions } from './forwarder.testkit.ts';
import { Http1Client } from './client.ts';
import { DEFAULT_LIMITS, type Http1Limits } from './limits.ts';
import { serveHttp1 } from './server.ts';
import { Sweeper } from './sweeper.ts';

export class MemorySocket extends Duplex {
  readonly chunks: Buffer[] = [];
  finished = false;
  override _read(): void { /* bytes come by Reader.read */ }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }

  override _final(done: () => void): void {
    this.finished = true;
    done();
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
    if (!this.writableEnded) this.end();
  }

  resetAndDestroy(): void {
    this.destroy();
  }

  text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }
}

/** One request as the service saw it. */
export interface Seen {
  head: RequestHead;
  ended: boolean;
  body: string;
  done: boolean;
  trailers: Fields | null;
  reset: Reset | null;
  client: ResponseStream;
}

/** Records requests; `answer` is called when one is complete (or at once when `early`). Credits every byte at once. */
export function recorder(answer: (seen: Seen) => void = answerOk, early = false): { seen: Seen[]; service: Service } {
  const seen: Seen[] = [];
  const service: Service = (head, ended, client): RequestStream => {
    const one: Seen = { head, ended, body: '', done: ended, trailers: null, reset: null, client };
    seen.push(one);
    if (ended || early) answer(one);
    return {
      data: (buf, start, end) => {
        one.body += buf.toString('latin1', start, end);
        client.credit(end - start);
      },
      end: (trailers) => {
        one.done = true;
        one.trailers = trailers;
        if (!early) answer(one);
      },
      reset: (reason) => { one.reset = reason; },
      credit: () => {},
    };
  };
  return { seen, service };
}

export function answerOk(seen: Seen): void {
  seen.client.head(new ResponseHead(200, ['x-n', String(seen.body.length)], 2));
  const body = Buffer.from('ok');
  seen.client.data(body, 0, 2);
  seen.client.end(null);
}

export interface MemoryServer {
  socket: MemorySocket;
  wire: Wire;
  connection: ServerConnection;
  counted: string[];
  clock: ManualClock;
  feed(bytes: string | Buffer): void;
  eof(): void;
  /** all that the server has written */
  output(): Promise<string>;
}

export function memoryServer(service: Service, limits: Http1Limits = DEFAULT_LIMITS, dated = false): MemoryServer {
  const socket = new MemorySocket();
  const wire = new Wire(socket as unknown as Socket);
  const counted: string[] = [];
  const clock = new ManualClock();
  const opts = { ...serverOptions(counted, new Sweeper(clock)), limits, date: dated ? new HttpDate(clock) : null };
  const connection = serveHttp1(wire, service, opts, null);
  const reader = connection as unknown as Reader;
  return {
    socket, wire, connection, counted, clock,
    feed: (bytes) => {
      const b = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
      // As with the shared read buffer: the bytes are gone once the call returns.
      const borrowed = Buffer.concat([Buffer.from('~~~'), b, Buffer.from('\r\n\r\n~')]);
      wire.readBytes += b.length;
      if (!socket.destroyed) reader.read(borrowed, 3, 3 + b.length);
      borrowed.fill(33);
    },
    eof: () => reader.eof(),
    output: async () => {
      await settled();
      return socket.text();
    },
  };
}

export interface Answer { events: string[]; heads: ResponseHead[]; body: string; trailers: Fields | null; reset: Reset | null; ended: boolean }

export interface MemoryClient {
  socket: MemorySocket;
  clock: ManualClock;
  conn: Http1Client;
  counted: string[];
  feed(bytes: string | Buffer): void;
  eof(): void;
  output(): Promise<string>;
  call(head: RequestHead, ended?: boolean): { answer: Answer; request: RequestStream };
}

export function memoryClient(limits: Http1Limits = DEFAULT_LIMITS): MemoryClient {
  const socket = new MemorySocket();
  const wire = new Wire(socket as unknown as Socket);
  const counted: string[] = [];
  let reader: Reader | null = null;
  const start = wire.start.bind(wire);
  wire.start = (r) => {
    reader = r;
    start(r);
  };
  const clock = new ManualClock();
  const conn = new Http1Client(wire, { limits, sweeper: new Sweeper(clock), progressTimeoutMs: 30_000, count: (reason) => void counted.push(reason) });
  return {
    socket, clock, conn, counted,
    feed: (bytes) => {
      const b = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
      const borrowed = Buffer.concat([Buffer.from('~~~'), b, Buffer.from('\r\n\r\n~')]);
      if (!socket.destroyed) reader!.read(borrowed, 3, 3 + b.length);
      borrowed.fill(33);
    },
    eof: () => reader!.eof(),
    output: async () => {
      await settled();
      return socket.text();
    },
    call: (head, ended = true) => {
      const answer: Answer = { events: [], heads: [], body: '', trailers: null, reset: null, ended: false };
      let request: RequestStream | null = null;
      const client: ResponseStream = {
        informational: (h) => {
          answer.events.push(`informational ${h.status}`);
          answer.heads.push(h);
        },
        head: (h) => {
          answer.events.push(`head ${h.status}`);
          answer.heads.push(h);
        },
        data: (buf, s, e) => {
          answer.body += buf.toString('latin1', s, e);
          request?.credit(e - s);
        },
        end: (trailers) => {
          answer.events.push('end');
          answer.ended = true;
          answer.trailers = trailers;
        },
        reset: (reason) => {
          answer.events.push(`reset ${nameOf(reason)}`);
          answer.reset = reason;
        },
        credit: () => {},
      };
      request = conn.call(head, ended, client);
      return { answer, request };
    },
  };
}

function nameOf(reason: Reset): string {
  return Object.entries(RESET).find(([, r]) => r === reason)?.[0] ?? '?';
}

/** Two turns of the event loop: written bytes are flushed at the end of one, and closing events follow in the next. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => { setImmediate(resolve); });
}
