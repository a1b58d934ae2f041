import type { Clock, Timer } from '../../lib/clock.ts';
import { ProxyError } from '../errors.ts';
import type { Fields, Layer, RequestHead, RequestStream, ResponseHead, ResponseStream } from '../message/contract.ts';
import { RESET, Reset } from '../message/reset.ts';
import { Deadlines, type Deadline } from './deadlines.ts';

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
  const lists = new Lists(config);
  return (next) => (head, ended, client) => {
    const t = new Timed(config, lists, head, ended, client);
    const up = next(head, ended, t);
    return t.started(up);
  };
}

type TimeoutCode = 'REQUEST_TIMEOUT' | 'RESPONSE_TIMEOUT' | 'IDLE_TIMEOUT';

/** The deadlines of every exchange of one layer. */
class Lists {
  readonly overall: Deadlines<Timed>;
  readonly response: Deadlines<Timed>;
  readonly idle: Deadlines<Timed>;

  constructor({ clock, requestMs, responseMs, idleMs }: TimeoutsConfig) {
    this.overall = new Deadlines<Timed>(clock, requestMs, (t) => t.expired('REQUEST_TIMEOUT', requestMs));
    this.response = new Deadlines<Timed>(clock, responseMs, (t) => t.expired('RESPONSE_TIMEOUT', responseMs));
    this.idle = new Deadlines<Timed>(clock, idleMs, (t) => t.checkIdle());
  }
}

class Timed implements ResponseStream {
  private readonly config: TimeoutsConfig;
  private readonly request: RequestHead;
  private readonly client: ResponseStream;
  private up: RequestStream | null = null;
  private readonly lists: Lists;
  private overall: Deadline<Timed> | null = null;
  private response: Deadline<Timed> | null = null;
  private idle: Deadline<Timed> | null = null;
  /** what is left of the idle time after a look at it */
  private rest: Timer | null = null;
  private movedAt = 0;
  private answered = false;
  private requestEnded: boolean;
  private responseEnded = false;
  done = false;

  constructor(config: TimeoutsConfig, lists: Lists, request: RequestHead, ended: boolean, client: ResponseStream) {
    this.config = config;
    this.lists = lists;
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
    const now = clock.now();
    if (this.requestEnded && !asksTunnel(this.request)) {
      this.startBare(now);
      return new TimedRequest(this, up);
    }
    if (requestMs > 0 && !this.responseEnded) this.overall = this.lists.overall.set(this, now);
    if (idleMs > 0) this.watchIdle(now);
    if (this.requestEnded) this.awaitResponse(now);
    return new TimedRequest(this, up);
  }

  /** Without a body every time begins now, so that a longer one than the shortest cannot run out. */
  private startBare(now: number): void {
    const { requestMs, responseMs, idleMs } = this.config;
    const whole = requestMs > 0 && (responseMs === 0 || requestMs <= responseMs);
    const bound = whole ? requestMs : responseMs;
    if (whole) this.overall = this.lists.overall.set(this, now);
    else if (bound > 0) this.response = this.lists.response.set(this, now);
    if (idleMs > 0 && (bound === 0 || idleMs < bound)) this.watchIdle(now);
  }

  private watchIdle(now: number): void {
    this.movedAt = now;
    this.idle = this.lists.idle.set(this, now);
  }

  private get finished(): boolean {
    return this.done || (this.responseEnded && this.requestEnded);
  }

  private awaitResponse(now: number): void {
    if (this.config.responseMs > 0 && !this.responseEnded) this.response = this.lists.response.set(this, now);
  }

  /** Looks how long ago the last byte passed, and waits for the rest. */
  checkIdle(): void {
    const { clock, idleMs } = this.config;
    const left = this.movedAt + idleMs - clock.now();
    // Less than the shortest timer is nothing.
    if (left >= 1) this.rest = clock.after(left, () => this.checkIdle());
    else this.expired('IDLE_TIMEOUT', idleMs);
  }

  expired(code: TimeoutCode, ms: number): void {
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
    const { lists } = this;
    lists.overall.cancel(this.overall);
    lists.response.cancel(this.response);
    this.cancelIdle();
  }

  private cancelIdle(): void {
    this.lists.idle.cancel(this.idle);
    if (this.rest !== null) this.config.clock.cancel(this.rest);
  }

  moved(): void {
    if (this.idle !== null) this.movedAt = this.config.clock.now();
  }

  endOfRequest(): void {
    this.requestEnded = true;
    this.moved();
    if (this.responseEnded) this.cancelTimers();
    else if (!asksTunnel(this.request)) this.awaitResponse(this.config.clock.now());
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
      this.lists.overall.cancel(this.overall);
      this.lists.response.cancel(this.response);
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
    this.lists.overall.cancel(this.overall);
    this.lists.response.cancel(this.response);
    if (this.requestEnded) this.cancelIdle();
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
