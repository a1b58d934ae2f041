/** A peer that speaks frames: bytes go straight into a codec on a socket in memory, and what it writes comes back as frames. Time is turned by hand. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { ManualClock } from '../../lib/clock.ts';
import { ERRORS } from '../errors.ts';
import { Wire } from '../io/wire.ts';
import { type ClientConnection, type Fields, type RequestHead, type RequestStream, ResponseHead, type ResponseStream, type ServerConnection, type Service } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { FLAG, PREFACE, TYPE, get31, get32 } from './frames.ts';
import { Decoder } from './hpack/decoder.ts';
import { Encoder } from './hpack/encoder.ts';
import { Http2Client, type Limits, type ServerOptions, serveHttp2 } from './index.ts';

export interface Frame { type: number; flags: number; id: number; payload: Buffer }

export class MemorySocket extends Duplex {
  written: Buffer[] = [];
  /** while false, nothing that was written is taken: a peer that does not read */
  reading = true;
  private held: (() => void) | null = null;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _read(): void {
    // Input is pushed by the test.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(Buffer.from(chunk));
    if (this.reading) done();
    else this.held = done;
  }

  open(): void {
    this.reading = true;
    this.held?.();
    this.held = null;
  }

  destroySoon(): void {
    this.destroy();
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise<void>((done) => { setImmediate(done); });
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : Buffer.from(payload);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

export function u32(...values: number[]): Buffer {
  const b = Buffer.alloc(values.length * 4);
  values.forEach((v, i) => b.writeUInt32BE(v, i * 4));
  return b;
}

export function settings(...pairs: [id: number, value: number][]): Buffer {
  const b = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([id, value], i) => {
    b.writeUInt16BE(id, i * 6);
    b.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(TYPE.settings, 0, 0, b);
}

/** The other end of the connection under test. */
export class RawPeer {
  readonly socket = new MemorySocket();
  readonly wire = new Wire(this.socket as unknown as Socket);
  readonly clock = new ManualClock(1000);
  readonly counted: string[] = [];
  readonly bugs: unknown[] = [];
  private readonly encoder = new Encoder();
  private readonly decoder = new Decoder(1 << 20);
  private rest = Buffer.alloc(0);

  options(extra: Partial<ServerOptions> = {}): ServerOptions {
    return {
      clock: this.clock, count: (r) => void this.counted.push(r), bug: (e) => void this.bugs.push(e),
      refuse: (e) => new ResponseHead(ERRORS[e.code].status, [], 0), ...extra,
    };
  }

  /** A header block for these fields. */
  block(fields: Fields): Buffer {
    const out = Buffer.alloc(fields.reduce((n, s) => n + s.length + 12, 16));
    this.encoder.begin(out, 0);
    for (let i = 0; i < fields.length; i += 2) this.encoder.field(fields[i]!, fields[i + 1]!);
    return out.subarray(0, this.encoder.finish());
  }

  headers(id: number, fields: Fields, flags = FLAG.endHeaders | FLAG.endStream): Buffer {
    return frame(TYPE.headers, flags, id, this.block(fields));
  }

  request(id: number, flags = FLAG.endHeaders | FLAG.endStream, extra: Fields = [], method = 'GET'): Buffer {
    return this.headers(id, [':method', method, ':scheme', 'http', ':path', '/', ':authority', 'a.example', ...extra], flags);
  }

  async send(...parts: Buffer[]): Promise<Frame[]> {
    this.socket.push(Buffer.concat(parts));
    return this.frames();
  }

  /** Frames written since the last call. Header blocks are decoded into `payload` as "name: value" lines. */
  async frames(): Promise<Frame[]> {
    await settle();
    let buf = Buffer.concat([this.rest, ...this.socket.written]);
    this.socket.written = [];
    if (buf.subarray(0, PREFACE.length).equals(PREFACE)) buf = buf.subarray(PREFACE.length);
    const list: Frame[] = [];
    while (buf.length >= 9 && buf.length >= 9 + buf.readUIntBE(0, 3)) {
      const end = 9 + buf.readUIntBE(0, 3);
      const f: Frame = { type: buf[3]!, flags: buf[4]!, id: get31(buf, 5), payload: Buffer.from(buf.subarray(9, end)) };
      if (f.type === TYPE.headers && (f.flags & FLAG.endHeaders) !== 0) f.payload = Buffer.from(this.lines(f.payload), 'latin1');
      list.push(f);
      buf = buf.subarray(end);
    }
    this.rest = Buffer.from(buf);
    return list;
  }

  private lines(payload: Buffer): string {
    const b = this.decoder.decode(payload, 0, payload.length);
    const lines = b.status > 0 ? [`:status: ${b.status}`] : b.method === '' ? [] : [`:method: ${b.method}`, `:scheme: ${b.scheme}`, `:path: ${b.path}`, `:authority: ${b.authority}`];
    if (b.protocol !== '') lines.push(`:protocol: ${b.protocol}`);
    if (b.contentLength >= 0) lines.push(`content-length: ${b.contentLength}`);
    for (let i = 0; i < b.fields.length; i += 2) lines.push(`${b.fields[i]}: ${b.fields[i + 1]}`);
    return lines.join('\n');
  }
}

/** The code of the GOAWAY frame among `frames`, -1 if there is none. */
export function goawayCode(frames: Frame[]): number {
  const f = frames.findLast((g) => g.type === TYPE.goaway);
  return f === undefined ? -1 : get32(f.payload, 4);
}

/** The code of the RST_STREAM frame for `id`, -1 if there is none. */
export function resetCode(frames: Frame[], id: number): number {
  const f = frames.find((g) => g.type === TYPE.rstStream && g.id === id);
  return f === undefined ? -1 : get32(f.payload, 0);
}

export function contentOf(frames: Frame[], id: number): Buffer {
  return Buffer.concat(frames.filter((f) => f.type === TYPE.data && f.id === id).map((f) => f.payload));
}

/** What one side of an exchange was told, as text, and the stream to answer on. */
export class Recorder implements RequestStream, ResponseStream {
  readonly events: string[] = [];
  /** all content, latin1 */
  body = '';
  head_: RequestHead | ResponseHead | null = null;
  client: ResponseStream | null = null;
  request: RequestStream | null = null;
  credited = 0;
  /** gives every octet back at once */
  eager = true;
  /** the request came without content, so its stream hears nothing more */
  wasEnded = false;

  informational(head: ResponseHead): void {
    this.events.push(`informational ${head.status}`);
  }

  head(head: ResponseHead): void {
    this.head_ = head;
    this.events.push(`head ${head.status}`);
  }

  data(buf: Buffer, start: number, end: number): void {
    this.body += buf.toString('latin1', start, end);
    this.events.push(`data ${end - start <= 20 ? buf.toString('latin1', start, end) : end - start}`);
    if (this.eager) (this.client ?? this.request)?.credit(end - start);
  }

  end(trailers: Fields | null): void {
    this.events.push(trailers === null ? 'end' : `end ${trailers.join(' ')}`);
  }

  reset(reason: Reset): void {
    this.events.push(`reset ${Object.entries(RESET).find(([, r]) => r === reason)![0]}`);
  }

  credit(n: number): void {
    this.credited += n;
  }
}

export interface RawServer { peer: RawPeer; connection: ServerConnection; exchanges: Recorder[] }

/** A server under test, past the exchange of settings; `answer` is run inside the service. */
export async function rawServer(
  answer: (exchange: Recorder, head: RequestHead, ended: boolean) => void = () => {}, limits: Partial<Limits> = {}, extra: Partial<ServerOptions> = {}, peerSettings: Buffer = settings(),
): Promise<RawServer> {
  const peer = new RawPeer();
  const exchanges: Recorder[] = [];
  const service: Service = (head, ended, client) => {
    const r = new Recorder();
    r.client = client;
    r.head_ = head;
    exchanges.push(r);
    answer(r, head, ended);
    return r;
  };
  const connection = serveHttp2(peer.wire, service, peer.options({ limits, ...extra }));
  await peer.send(PREFACE, peerSettings, frame(TYPE.settings, FLAG.ack, 0));
  return { peer, connection, exchanges };
}

export function respond(r: Recorder, status: number, body: Buffer | string = '', trailers: Fields | null = null): void {
  const bytes = Buffer.from(body);
  r.client!.head(new ResponseHead(status, [], -1));
  if (bytes.length > 0) r.client!.data(bytes, 0, bytes.length);
  r.client!.end(trailers);
}

export interface RawClient { peer: RawPeer; connection: ClientConnection; start(head: RequestHead, ended?: boolean): Recorder }

/** A client under test; its peer has said nothing yet. */
export function rawClient(extra: Partial<ServerOptions> = {}): RawClient {
  const peer = new RawPeer();
  const connection = new Http2Client(peer.wire, peer.options(extra));
  return {
    peer, connection,
    start(head, ended = true) {
      const r = new Recorder();
      r.request = connection.call(head, ended, r);
      return r;
    },
  };
}
