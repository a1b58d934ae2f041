import type { Clock, Timer } from '../../lib/clock.ts';
import { ProxyError } from '../errors.ts';
import type { Fields, Layer, RequestHead, RequestStream, ResponseHead, ResponseStream } from '../message/contract.ts';
import { RESET, Reset } from '../message/reset.ts';

/** http_route.proto Timeouts. Each in milliseconds, 0 for none. */
export interface TimeoutsConfig {
  clock: Clock;
  /** from the start of the request to the end of the response */
  requestMs: number;
  /** from the end of the request to the end of the response */
  responseMs: number;
  /** without a byte in either direction */
  idleMs: number;
  /** answers a client that has no response yet */
  fail: (head: RequestHead, answer: ResponseStream, error: ProxyError) => void;
}

/** Ends exchanges that take too long: with an answer while there was none, else with a reset. A tunnel that is open has only the idle timeout. */
export function timeouts(config: TimeoutsConfig): Layer {
  return (next) => (head, ended, client) => {
    const t = new Timed(config, head, ended, client);
    const up = next(head, ended, t);
    return t.started(up);
  };
}

type TimeoutCode = 'REQUEST_TIMEOUT' | 'RESPONSE_TIMEOUT' | 'IDLE_TIMEOUT';

class Timed implements ResponseStream {
  private readonly config: TimeoutsConfig;
  private readonly request: RequestHead;
  private readonly client: ResponseStream;
  private up: RequestStream | null = null;
  private overall: Timer | null = null;
  private response: Timer | null = null;
  private idle: Timer | null = null;
  private movedAt = 0;
  private answered = false;
  private requestEnded: boolean;
  private responseEnded = false;
  done = false;

  constructor(config: TimeoutsConfig, request: RequestHead, ended: boolean, client: ResponseStream) {
    this.config = config;
    this.request = request;
    this.client = client;
    // What asks for a tunnel has sent all of its request, until the tunnel is open.
    this.requestEnded = ended || asksTunnel(request);
  }

  /** The timers begin once the request is on its way. */
  started(up: RequestStream): RequestStream {
    this.up = up;
    const { clock, requestMs, idleMs } = this.config;
    if (this.finished) return up;
    if (requestMs > 0 && !this.responseEnded) this.overall = clock.after(requestMs, () => this.expired('REQUEST_TIMEOUT', requestMs));
    if (idleMs > 0) {
      this.movedAt = clock.now();
      this.watchIdle(idleMs);
    }
    if (this.requestEnded) this.awaitResponse();
    return new TimedRequest(this, up);
  }

  private get finished(): boolean {
    return this.done || (this.responseEnded && this.requestEnded);
  }

  private awaitResponse(): void {
    const { clock, responseMs } = this.config;
    if (responseMs > 0 && !this.responseEnded) this.response = clock.after(responseMs, () => this.expired('RESPONSE_TIMEOUT', responseMs));
  }

  /** One timer for as long as nothing is late: it looks how long ago the last byte passed, and waits for the rest. */
  private watchIdle(ms: number): void {
    const { clock, idleMs } = this.config;
    this.idle = clock.after(ms, () => {
      const left = this.movedAt + idleMs - clock.now();
      if (left > 0) this.watchIdle(left);
      else this.expired('IDLE_TIMEOUT', idleMs);
    });
  }

  private expired(code: TimeoutCode, ms: number): void {
    if (this.done) return;
    this.stop();
    this.up?.reset(RESET.timeout);
    if (this.answered) {
      this.client.reset(RESETS[code]);
      return;
    }
    this.config.fail(this.request, this.client, new ProxyError(code, `${TEXT[code]} ${ms} ms`));
    if (!this.requestEnded) this.client.reset(RESET.noError);
  }

  /** Nothing more is told to either side. */
  stop(): void {
    this.done = true;
    this.cancelTimers();
  }

  private cancelTimers(): void {
    const { clock } = this.config;
    clock.cancel(this.overall);
    clock.cancel(this.response);
    clock.cancel(this.idle);
  }

  moved(): void {
    if (this.idle !== null) this.movedAt = this.config.clock.now();
  }

  endOfRequest(): void {
    this.requestEnded = true;
    this.moved();
    if (this.responseEnded) this.cancelTimers();
    else if (!asksTunnel(this.request)) this.awaitResponse();
  }

  informational(head: ResponseHead): void {
    if (this.done) return;
    this.moved();
    this.client.informational(head);
  }

  head(head: ResponseHead): void {
    if (this.done) return;
    this.moved();
    this.answered = true;
    if (asksTunnel(this.request) && (head.status === 101 || (this.request.method === 'CONNECT' && head.status < 300))) {
      this.requestEnded = false;
      this.config.clock.cancel(this.overall);
      this.config.clock.cancel(this.response);
    }
    this.client.head(head);
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.done) return;
    this.moved();
    this.client.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (this.done) return;
    this.moved();
    this.responseEnded = true;
    const { clock } = this.config;
    clock.cancel(this.overall);
    clock.cancel(this.response);
    if (this.requestEnded) clock.cancel(this.idle);
    this.client.end(trailers);
  }

  reset(reason: Reset): void {
    if (this.done) return;
    this.stop();
    this.client.reset(reason);
  }

  credit(n: number): void {
    if (!this.done) this.client.credit(n);
  }
}

function asksTunnel(head: RequestHead): boolean {
  return head.upgrade !== '' || head.method === 'CONNECT';
}

const RESETS: Record<TimeoutCode, Reset> = {
  REQUEST_TIMEOUT: new Reset('REQUEST_TIMEOUT', RESET.cancel.h2),
  RESPONSE_TIMEOUT: new Reset('RESPONSE_STREAM_TIMEOUT', RESET.cancel.h2),
  IDLE_TIMEOUT: new Reset('IDLE_TIMEOUT', RESET.cancel.h2),
};

const TEXT: Record<TimeoutCode, string> = {
  REQUEST_TIMEOUT: 'the request took longer than',
  RESPONSE_TIMEOUT: 'the response took longer than',
  IDLE_TIMEOUT: 'nothing was sent in either direction for',
};

class TimedRequest implements RequestStream {
  private readonly timed: Timed;
  private readonly up: RequestStream;

  constructor(timed: Timed, up: RequestStream) {
    this.timed = timed;
    this.up = up;
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.timed.done) return;
    this.timed.moved();
    this.up.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (this.timed.done) return;
    this.timed.endOfRequest();
    this.up.end(trailers);
  }

  reset(reason: Reset): void {
    if (this.timed.done) return;
    this.timed.stop();
    this.up.reset(reason);
  }

  credit(n: number): void {
    if (!this.timed.done) this.up.credit(n);
  }
}
