import type { Clock, Timer } from '../../lib/clock.ts';
import { ReplayBuffer } from '../balance/replay.ts';
import { ProxyError, type ErrorCode } from '../errors.ts';
import { type Fields, type Layer, type RequestHead, type RequestStream, ResponseHead, type ResponseStream, type Service, WINDOW } from '../message/contract.ts';
import { grpcStatusOf } from '../message/grpc-status.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { isGrpc, OwnAnswer } from '../respond.ts';
import { pauseMs, retryAfterMs, type Backoff } from './backoff.ts';
import type { RetryBudget } from './budget.ts';
import { Deadlines, type Deadline } from './deadlines.ts';

/** outbound.proto Retry of one rule. */
export interface RetryConfig {
  clock: Clock;
  random: () => number;
  /** tries after the first */
  maxRetries: number;
  /** a request with a larger body is sent once */
  maxRequestBytes: number;
  /** from the start of a try to its response head, milliseconds; 0 for none */
  perTryMs: number;
  backoff: Backoff;
  /** requests of other methods are sent once, as if there were no retries; every method when absent */
  methods?: ReadonlySet<string>;
  /** `grpcStatus` is -1 when there is none; `noResponse`: the connection broke or the try's time was up, and status is the one that the client would be told */
  retryable: (status: number, grpcStatus: number, noResponse: boolean) => boolean;
  /** shared by every exchange of the rule; null for no limit but maxRetries */
  budget: RetryBudget | null;
  /** answers a client whose last try took longer than perTryMs */
  fail: (head: RequestHead, answer: ResponseStream, error: ProxyError) => void;
  /** a request is sent again; was answered well in the end; failed with every retry used; would have been sent again but for the budget */
  onRetry?: () => void;
  onSuccess?: () => void;
  onLimit?: () => void;
  onOverflow?: () => void;
}

/** A gRPC response that begins without a status may be a failure all the same: its head waits this long for what comes next. Milliseconds. */
const PEEK_MS = 20;

/** Answers of this proxy that say that there was no response, as far as sending the request again could help. */
const NO_RESPONSE: ReadonlySet<ErrorCode> = new Set(['CONNECT', 'CONNECT_TIMEOUT', 'IO', 'HEADERS_TIMEOUT']);

/** Answers of this proxy that another try would only get again, or make worse. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['FAIL_FAST', 'NO_ENDPOINTS', 'LOAD_SHED', 'DENIED']);

/**
 * Sends a request again whose response is one to retry, as long as the request is kept and nothing of a response has been passed on. Wherever the layers below lead,
 * each try goes through them anew.
 */
export function retry(config: RetryConfig): Layer {
  const late = new Deadlines<Try>(config.clock, config.perTryMs, (t) => t.late(config.perTryMs));
  const { methods } = config;
  return (next) => (head, ended, client) => {
    if (methods !== undefined && !methods.has(head.method)) return next(head, ended, client);
    const x = new Retrying(config, late, next, head, ended, client);
    x.begin();
    return x;
  };
}

class Retrying implements RequestStream {
  readonly config: RetryConfig;
  /** the ends of the tries' own time */
  readonly late: Deadlines<Try>;
  readonly head: RequestHead;
  readonly client: ResponseStream;
  readonly grpc: boolean;
  /** the client sends nothing more */
  requestEnded: boolean;
  /** the client has been told to go on sending (100), which is said once */
  continued = false;
  /** request bytes given back to the client, over all tries */
  credited = 0;
  retries = 0;
  done = false;
  private readonly next: Service;
  /** the request so far; null when it has no body */
  private readonly replay: ReplayBuffer | null;
  /** the request is not kept, or not to be sent again */
  private lost: boolean;
  private current: Try | null = null;
  private previous: Try | null = null;
  private pause: Timer | null = null;

  constructor(config: RetryConfig, late: Deadlines<Try>, next: Service, head: RequestHead, ended: boolean, client: ResponseStream) {
    this.config = config;
    this.late = late;
    this.next = next;
    this.head = head;
    this.client = client;
    this.grpc = isGrpc(head);
    this.requestEnded = ended;
    // More than a window cannot be sent at a time.
    const limit = Math.min(config.maxRequestBytes, WINDOW);
    this.replay = ended ? null : new ReplayBuffer(limit);
    this.lost = head.contentLength > limit || head.upgrade !== '' || head.method === 'CONNECT';
    if (this.lost) this.replay?.drop();
    config.budget?.request();
  }

  begin(): void {
    this.pause = null;
    // What is left of the response before this is worth reading only as long as nobody waits for it.
    this.previous?.cut();
    this.previous = null;
    const t = new Try(this);
    this.current = t;
    const up = this.next(this.head, this.replay === null, t);
    t.started(up);
    if (this.replay !== null && this.current === t && !t.over) this.replay.send(up);
  }

  /** Whether what a try came to is to be tried again. */
  again(status: number, grpcStatus: number, noResponse: boolean): boolean {
    const { config } = this;
    if (!config.retryable(status, grpcStatus, noResponse)) {
      if (this.retries > 0) config.onSuccess?.();
      return false;
    }
    if (this.lost || this.replay?.complete === false) return false;
    if (this.retries >= config.maxRetries) {
      config.onLimit?.();
      return false;
    }
    if (config.budget?.take() === false) {
      config.onOverflow?.();
      return false;
    }
    return true;
  }

  /** `hintMs` is what the response asked for, -1 without. */
  later(failed: Try, hintMs: number): void {
    const { config } = this;
    this.retries++;
    config.onRetry?.();
    this.current = null;
    this.previous = failed;
    this.pause = config.clock.after(pauseMs(config.backoff, this.retries, hintMs, config.random), () => this.begin());
  }

  /** From here on the response is the client's. */
  commit(): void {
    this.lost = true;
    this.replay?.drop();
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.done) return;
    this.replay?.data(buf, start, end, this.current === null);
    this.current?.up?.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (this.done) return;
    this.requestEnded = true;
    this.replay?.end(trailers);
    this.current?.up?.end(trailers);
  }

  reset(reason: Reset): void {
    if (this.done) return;
    this.done = true;
    this.config.clock.cancel(this.pause);
    this.previous?.cut();
    this.current?.abandon(reason);
  }

  credit(n: number): void {
    this.current?.up?.credit(n);
  }
}

/** One try and its response. It is watched until it is either handed to the client (`passing`) or given up (`over`). */
class Try implements ResponseStream {
  up: RequestStream | null = null;
  over = false;
  private readonly owner: Retrying;
  private deadline: Deadline<Try> | null = null;
  private timer: Timer | null = null;
  private held: ResponseHead | null = null;
  private passing = false;
  private ended = false;
  private creditedNow = 0;

  constructor(owner: Retrying) {
    this.owner = owner;
  }

  started(up: RequestStream): void {
    this.up = up;
    const { clock, perTryMs } = this.owner.config;
    if (perTryMs > 0 && !this.passing && !this.over && this.held === null) this.deadline = this.owner.late.set(this, clock.now());
  }

  late(ms: number): void {
    const { owner } = this;
    const retried = owner.again(504, owner.grpc ? 4 : -1, true);
    this.abandon(RESET.timeout);
    if (retried) {
      owner.later(this, -1);
      return;
    }
    owner.done = true;
    owner.config.fail(owner.head, owner.client, new ProxyError('HEADERS_TIMEOUT', `the response did not begin within ${ms} ms`));
    if (!owner.requestEnded) owner.client.reset(RESET.noError);
  }

  informational(head: ResponseHead): void {
    const { owner } = this;
    if (this.over || (head.status === 100 && owner.continued)) return;
    if (head.status === 100) owner.continued = true;
    owner.client.informational(head);
  }

  head(head: ResponseHead): void {
    const { owner } = this;
    if (this.over) return;
    this.stopTimer();
    const grpcStatus = grpcStatusOf(head.fields);
    // Only once the request is complete: until then the client may be waiting for the head before it goes on.
    if (owner.grpc && grpcStatus < 0 && head.status === 200 && owner.requestEnded && owner.retries < owner.config.maxRetries) {
      this.held = head;
      this.timer = owner.config.clock.after(PEEK_MS, () => this.release());
      return;
    }
    const code = head instanceof OwnAnswer ? head.code : null;
    if (code !== null && FINAL.has(code)) this.pass(head);
    else if (owner.again(head.status, grpcStatus, code !== null && NO_RESPONSE.has(code))) this.giveUp(head.fields);
    else this.pass(head);
  }

  /** The response goes to the client. */
  private pass(head: ResponseHead): void {
    this.passing = true;
    this.owner.commit();
    this.owner.client.head(head);
  }

  private release(): void {
    this.stopTimer();
    const { held } = this;
    this.held = null;
    if (held === null) return;
    if (this.owner.retries > 0) this.owner.config.onSuccess?.();
    this.pass(held);
  }

  /** This response is not for the client. The rest of it is read away until the next try begins, which keeps an HTTP/1 connection usable. */
  private giveUp(fields: Fields): void {
    this.over = true;
    const { owner } = this;
    if (!owner.requestEnded) this.cut();
    owner.later(this, retryAfterMs(fields, owner.config.clock));
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.over) {
      this.up?.credit(end - start);
      return;
    }
    if (this.held !== null) this.release();
    this.owner.client.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    this.ended = true;
    if (this.over) return;
    const { owner, held } = this;
    if (held !== null) {
      this.stopTimer();
      this.held = null;
      if (owner.again(held.status, grpcStatusOf(trailers ?? []), false)) {
        this.giveUp(trailers ?? []);
        return;
      }
      this.pass(held);
    }
    owner.client.end(trailers);
  }

  reset(reason: Reset): void {
    if (this.over) {
      this.ended = true;
      return;
    }
    this.stopTimer();
    const { owner } = this;
    if (!this.passing && this.held === null && owner.again(502, owner.grpc ? 14 : -1, true)) {
      this.over = true;
      this.ended = true;
      owner.later(this, -1);
      return;
    }
    if (this.held !== null) this.pass(this.held);
    owner.done = true;
    owner.client.reset(reason);
  }

  credit(n: number): void {
    if (this.over) return;
    const { owner } = this;
    this.creditedNow += n;
    const more = this.creditedNow - owner.credited;
    if (more <= 0) return;
    owner.credited = this.creditedNow;
    owner.client.credit(more);
  }

  /** Neither side wants this try any more. */
  abandon(reason: Reset): void {
    this.stopTimer();
    this.over = true;
    if (this.ended) return;
    this.ended = true;
    this.up?.reset(reason);
  }

  /** Ends what is still coming of a response that was given up. */
  cut(): void {
    this.abandon(RESET.cancel);
  }

  private stopTimer(): void {
    this.owner.late.cancel(this.deadline);
    this.deadline = null;
    if (this.timer === null) return;
    this.owner.config.clock.cancel(this.timer);
    this.timer = null;
  }
}
