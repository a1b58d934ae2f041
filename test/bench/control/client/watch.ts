/** A group of proxies with a stream each, and what they have been told. */
import { destination_GetDestination, destination_Update, METHODS, outbound_TrafficSpec } from '../../../../api/gen/tables.ts';
import type { Update } from '../../../../api/gen/destination_pb.js';
import { frame, FrameParser } from '../../../../lib/grpc/frame.ts';
import { decode, encode, type Plain } from '../../../../lib/grpc/wire.ts';
import { addrOf, ipMessage } from '../../../../proxy/discover/convert.ts';
import type { Http2Client } from '../../../../proxy/http2/index.ts';
import { RequestHead, type Fields, type RequestStream, type ResponseStream } from '../../../../proxy/message/contract.ts';
import { RESET, type Reset } from '../../../../proxy/message/reset.ts';
import { connect } from './connection.ts';
import type { Question } from './protocol.ts';

type Watch = Extract<Question, { do: 'watch' }>;
/** The addresses of a Get message, "+ip:port" and "-ip:port", or '0' for no endpoints. */
type News = string[];

/** The last message and what it says: to most streams the same bytes come. */
let last: { bytes: Buffer; news: News } | null = null;

function newsOf(message: Uint8Array): News {
  if (last !== null && last.bytes.length === message.length && last.bytes.equals(message)) return last.news;
  const bytes = Buffer.from(message);
  last = { bytes, news: read(decode(destination_Update, bytes)) };
  return last.news;
}

function read({ update }: Plain<Update>): News {
  if (update.case === 'noEndpoints') return ['0'];
  const addrs = update.case === 'add' ? update.value.addrs.map(({ addr }) => addr) : update.case === 'remove' ? update.value.addrs : [];
  return addrs.map((addr) => `${update.case === 'add' ? '+' : '-'}${addrOf(addr).ip}`);
}

/** As a proxy names a Service: by the address that its application connects to. */
function address(text: string): { ip: ReturnType<typeof ipMessage>; port: number } {
  const [ip = '', port] = text.split(':');
  return { ip: ipMessage(ip), port: Number(port) };
}

export class Group {
  private readonly asked: Watch;
  readonly connections: Http2Client[] = [];
  private readonly on: Group | null;
  private readonly streams: Stream[] = [];
  /** milliseconds since the epoch at which each stream had a message with the marker */
  private readonly marks = new Map<string, { at: Map<Stream, number>; done: (at: number[]) => void; all: Promise<number[]> }>();
  private failed: (error: Error) => void = () => undefined;
  messages = 0;
  bytes = 0;

  /** `on`: whose connections it uses */
  constructor(asked: Watch, on: Group | null = null) {
    this.asked = asked;
    this.on = on;
  }

  async open(atOnce: number): Promise<number> {
    const { count } = this.asked;
    const failure = new Promise<never>((_, reject) => { this.failed = reject; });
    failure.catch(() => undefined);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < count) await this.one(next++);
    };
    await Promise.race([failure, Promise.all(Array.from({ length: atOnce }, lane))]);
    return this.streams.length;
  }

  private async one(index: number): Promise<void> {
    const { server, leaves, method, targets, context } = this.asked;
    const turn = <T>(of: readonly T[]): T => of[index % of.length]!;
    const connection = this.on === null ? await connect(server, turn(leaves)) : turn(this.on.connections);
    if (this.on === null) this.connections.push(connection);
    const stream = new Stream(this);
    this.streams.push(stream);
    const path = method === 'get' ? METHODS.Destination_Get : METHODS.OutboundPolicies_Watch;
    const request = method === 'get'
      ? encode(destination_GetDestination, { scheme: '', path: turn(targets), contextToken: turn(context) })
      : encode(outbound_TrafficSpec, { sourceWorkload: turn(context), target: { case: 'addr', value: address(turn(targets)) } });
    const head = new RequestHead('POST', 'http', `${server.ip}:${server.port}`, path, ['content-type', 'application/grpc', 'te', 'trailers']);
    head.version = 2;
    stream.up = connection.call(head, false, stream);
    const body = frame(request);
    stream.up.data(body, 0, body.length);
    stream.up.end(null);
    await stream.first;
  }

  message(stream: Stream, message: Uint8Array): void {
    this.messages++;
    this.bytes += message.length;
    if (this.asked.method === 'get') {
      const news = newsOf(message);
      stream.take(news);
      for (const one of news) this.note(stream, one);
    } else {
      for (const marker of this.marks.keys()) if (Buffer.from(message.buffer, message.byteOffset, message.length).includes(marker)) this.note(stream, marker);
    }
  }

  ended(why: string): void {
    this.failed(new Error(`a stream ended: ${why}`));
  }

  private note(stream: Stream, marker: string): void {
    const mark = this.marks.get(marker);
    if (mark === undefined || mark.at.has(stream)) return;
    mark.at.set(stream, performance.timeOrigin + performance.now());
    if (mark.at.size === this.streams.length) mark.done([...mark.at.values()]);
  }

  mark(marker: string): void {
    let done: (at: number[]) => void = () => undefined;
    const all = new Promise<number[]>((resolve) => { done = resolve; });
    this.marks.set(marker, { at: new Map(), done, all });
  }

  async seen(marker: string): Promise<number[]> {
    const at = await this.marks.get(marker)!.all;
    this.marks.delete(marker);
    return at;
  }

  alike(addresses: string[]): number {
    return this.streams.filter(({ known }) => known.size === addresses.length && addresses.every((one) => known.has(one))).length;
  }

  close(): void {
    this.failed = () => undefined;
    for (const { up } of this.streams) up?.reset(RESET.cancel);
    for (const connection of this.connections) connection.destroy();
  }
}

class Stream implements ResponseStream {
  readonly known = new Set<string>();
  readonly first: Promise<void>;
  up: RequestStream | null = null;
  private readonly group: Group;
  private readonly parser: FrameParser;
  private began: () => void = () => undefined;

  constructor(group: Group) {
    this.group = group;
    this.first = new Promise((resolve) => { this.began = resolve; });
    this.parser = new FrameParser((message) => {
      group.message(this, message);
      this.began();
    });
  }

  take(news: News): void {
    for (const one of news) {
      if (one[0] === '+') this.known.add(one.slice(1));
      else if (one[0] === '-') this.known.delete(one.slice(1));
      else this.known.clear();
    }
  }

  informational(): void {}
  head(): void {}
  credit(): void {}

  data(buf: Buffer, start: number, end: number): void {
    this.parser.push(buf, start, end);
    this.up?.credit(end - start);
  }

  end(trailers: Fields | null): void {
    this.group.ended((trailers ?? []).join(' '));
  }

  reset(reason: Reset): void {
    this.group.ended(reason.label);
  }
}
