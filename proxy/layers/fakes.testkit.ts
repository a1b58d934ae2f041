/** A next layer and a client for tests of layers: both keep what they are told. */
import { RequestHead, type Fields, type RequestStream, type ResponseHead, type ResponseStream, type Service } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';

export class FakeCall implements RequestStream {
  readonly head: RequestHead;
  readonly bare: boolean;
  readonly answer: ResponseStream;
  body = '';
  ended = false;
  credited = 0;
  readonly resets: Reset[] = [];

  constructor(head: RequestHead, bare: boolean, answer: ResponseStream) {
    this.head = head;
    this.bare = bare;
    this.answer = answer;
  }

  data(buf: Buffer, start: number, end: number): void { this.body += buf.toString('latin1', start, end); }
  end(): void { this.ended = true; }
  reset(reason: Reset): void { this.resets.push(reason); }
  credit(n: number): void { this.credited += n; }
}

export class FakeNext {
  readonly calls: FakeCall[] = [];
  /** answers a call before it returns */
  atOnce: ((call: FakeCall) => void) | null = null;

  get last(): FakeCall {
    return this.calls.at(-1)!;
  }

  readonly service: Service = (head, ended, client) => {
    const call = new FakeCall(head, ended, client);
    this.calls.push(call);
    this.atOnce?.(call);
    return call;
  };
}

export class FakeClient implements ResponseStream {
  status = 0;
  fields: Fields = [];
  body = '';
  ended = false;
  trailers: Fields | null = null;
  credited = 0;
  readonly informationals: number[] = [];
  readonly resets: Reset[] = [];

  informational(head: ResponseHead): void { this.informationals.push(head.status); }
  head(head: ResponseHead): void {
    this.status = head.status;
    this.fields = head.fields;
  }
  data(buf: Buffer, start: number, end: number): void { this.body += buf.toString('latin1', start, end); }
  end(trailers: Fields | null): void {
    this.ended = true;
    this.trailers = trailers;
  }
  reset(reason: Reset): void { this.resets.push(reason); }
  credit(n: number): void { this.credited += n; }
}

export function get(fields: Fields = [], path = '/'): RequestHead {
  return new RequestHead('GET', 'http', 'shop', path, fields.slice());
}

export function write(to: { data(buf: Buffer, start: number, end: number): void }, text: string): void {
  const b = Buffer.from(text, 'latin1');
  to.data(b, 0, b.length);
}
