/** A gRPC client on the proxy's own layers: one call is one exchange on a Service. */
import type { Clock } from '../../lib/clock.ts';
import { decode, encode, type Init, type Plain, type Table } from '../../lib/grpc/wire.ts';
import { frame, FrameParser } from '../../lib/grpc/frame.ts';
import { decodeMessage, parseStatus, STATUS, statusName, statusOfHttp, type StatusCode } from '../../lib/grpc/status.ts';
import { field, RequestHead, type Fields, type RequestStream, type ResponseHead, type ResponseStream, type Service } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';

export interface Method<Req, Res> {
  /** /package.Service/Method */
  path: string;
  request: Table<Req>;
  response: Table<Res>;
}

export class GrpcError extends Error {
  readonly code: StatusCode;
  constructor(code: StatusCode, message: string) {
    super(`${statusName(code)}: ${message}`);
    this.code = code;
  }
}

export interface Receiver<Res> {
  message(m: Plain<Res>): void;
  /** the call is over; null for OK. Called once, last */
  end(error: GrpcError | null): void;
}

/** Starts a call with one request message. Returns the way to cancel it; nothing is called afterwards. */
export function call<Req, Res>(service: Service, authority: string, method: Method<Req, Res>, request: Init<Req>, receiver: Receiver<Res>): () => void {
  const answer = new Answer(method.response, receiver);
  const head = new RequestHead('POST', 'http', authority, method.path, ['content-type', 'application/grpc', 'te', 'trailers']);
  head.version = 2;
  const up = service(head, false, answer);
  answer.up = up;
  const body = frame(encode(method.request, request));
  up.data(body, 0, body.length);
  up.end(null);
  return () => answer.cancel();
}

/** Resolves with the only message of a unary call; rejects with GrpcError, after `timeoutMs` at the latest. */
export async function unary<Req, Res>(
  { service, authority, clock }: { service: Service; authority: string; clock: Clock }, method: Method<Req, Res>, request: Init<Req>, timeoutMs: number,
): Promise<Plain<Res>> {
  return new Promise((resolve, reject) => {
    let answer: Plain<Res> | null = null;
    const timer = clock.after(timeoutMs, () => {
      cancel();
      reject(new GrpcError(STATUS.DEADLINE_EXCEEDED, `no answer in ${timeoutMs / 1000} s`));
    });
    const cancel = call(service, authority, method, request, {
      message: (m) => { answer = m; },
      end: (error) => {
        clock.cancel(timer);
        if (error !== null) reject(error);
        else if (answer === null) reject(new GrpcError(STATUS.INTERNAL, 'the call ended without a message'));
        else resolve(answer);
      },
    });
  });
}

class Answer<Res> implements ResponseStream {
  up: RequestStream | null = null;
  private readonly table: Table<Res>;
  private readonly receiver: Receiver<Res>;
  private readonly parser: FrameParser;
  private status: StatusCode | null = null;
  private text = '';
  private http = 0;
  private done = false;

  constructor(table: Table<Res>, receiver: Receiver<Res>) {
    this.table = table;
    this.receiver = receiver;
    this.parser = new FrameParser((bytes) => { if (!this.done) receiver.message(decode(this.table, bytes)); });
  }

  cancel(): void {
    if (this.done) return;
    this.done = true;
    this.up?.reset(RESET.cancel);
  }

  informational(): void {}

  head(head: ResponseHead): void {
    this.http = head.status;
    this.readStatus(head.fields);
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.done) return;
    try {
      this.parser.push(buf, start, end);
    } catch (e) {
      this.finish(new GrpcError(STATUS.INTERNAL, `unreadable message: ${(e as Error).message}`));
      this.up?.reset(RESET.cancel);
      return;
    }
    this.up?.credit(end - start);
  }

  end(trailers: Fields | null): void {
    if (trailers !== null) this.readStatus(trailers);
    const status = this.status ?? statusOfHttp(this.http);
    this.finish(status === STATUS.OK ? null : new GrpcError(status, this.text || `HTTP status ${this.http}`));
  }

  reset(reason: Reset): void {
    this.finish(new GrpcError(STATUS.UNAVAILABLE, `the stream was reset: ${reason.label}`));
  }

  credit(): void {}

  private readStatus(fields: Fields): void {
    const status = field(fields, 'grpc-status');
    if (status === undefined) return;
    this.status = parseStatus(status);
    this.text = decodeMessage(field(fields, 'grpc-message') ?? '');
  }

  private finish(error: GrpcError | null): void {
    if (this.done) return;
    this.done = true;
    this.receiver.end(error);
  }
}
