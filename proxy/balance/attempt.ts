import { addrText } from '../accept/addr.ts';
import { ProxyError } from '../errors.ts';
import { retryAfterMs } from '../layers/backoff.ts';
import { field, type Fields, type RequestHead, type ResponseHead, type ResponseStream } from '../message/contract.ts';
import { FAILED_GRPC } from '../message/grpc-status.ts';
import { RESET, type Reset } from '../message/reset.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Endpoint } from './endpoint.ts';

/** What an attempt needs of the exchange that it belongs to. */
export interface AttemptOwner {
  readonly config: { balancer: { clock: Clock } };
  readonly head: RequestHead;
  readonly client: ResponseStream;
  done: boolean;
  /** request bytes given back to the client so far, over all tries */
  credited: number;
  /** the endpoint did not process the exchange: true when it goes to another one */
  refused(endpoint: Endpoint): boolean;
  /** ends the exchange with an answer of the proxy */
  fail(error: ProxyError): void;
  /** something of an answer is about to pass: the request goes nowhere else */
  commit(): void;
  answerHead(head: ResponseHead): ResponseHead;
}

/** The answer of one try on its way to the client. Its time and its outcome go into the endpoint's load estimate and breaker. */
export class Attempt implements ResponseStream {
  private readonly owner: AttemptOwner;
  private readonly endpoint: Endpoint;
  private readonly startedAt: number;
  private readonly probe: boolean;
  private released = false;
  private answered = false;
  /** a gRPC response whose status is still to come */
  private statusDue = false;
  private creditedNow = 0;

  /** `probe`: the endpoint's breaker goes by the outcome */
  constructor(owner: AttemptOwner, endpoint: Endpoint, startedAt: number, probe: boolean) {
    this.owner = owner;
    this.endpoint = endpoint;
    this.startedAt = startedAt;
    this.probe = probe;
    endpoint.pending++;
  }

  private release(): void {
    if (this.released) return;
    this.released = true;
    this.endpoint.pending--;
  }

  /** The client gave up, or the route's time was up. */
  abandoned(reason: Reset): void {
    this.release();
    if (this.answered) return;
    const now = this.owner.config.balancer.clock.now();
    this.endpoint.observeAtLeast(now - this.startedAt, now);
    if (reason === RESET.timeout) this.endpoint.unsuccessful(now, this.probe, -1);
  }

  informational(head: ResponseHead): void {
    this.owner.commit();
    this.owner.client.informational(head);
  }

  head(head: ResponseHead): void {
    const { endpoint, owner } = this;
    this.answered = true;
    endpoint.alive();
    owner.commit();
    const now = owner.config.balancer.clock.now();
    if (endpoint.judged) this.judge(head, now);
    else endpoint.observe(now - this.startedAt, now);
    owner.client.head(owner.answerHead(head));
  }

  /** Failures are no measure of how fast an endpoint is, unless they were slow. */
  private judge(head: ResponseHead, now: number): void {
    const { endpoint, probe } = this;
    const rtt = now - this.startedAt;
    if (head.status >= 500) {
      const hint = retryAfterMs(head.fields, this.owner.config.balancer.clock);
      endpoint.observeAtLeast(rtt, now);
      endpoint.unsuccessful(now, probe, hint);
      if (hint >= 0) endpoint.slowedDown(now, hint);
      return;
    }
    if (head.status === 429) {
      endpoint.observeAtLeast(rtt, now);
      endpoint.slowedDown(now, retryAfterMs(head.fields, this.owner.config.balancer.clock));
    } else {
      endpoint.observe(rtt, now);
    }
    if (head.status === 200 && this.owner.head.version === 2 && field(head.fields, 'content-type')?.startsWith('application/grpc') === true) this.judgeGrpc(head.fields, now, false);
    else endpoint.succeeded(now, probe);
  }

  private judgeGrpc(fields: Fields, now: number, last: boolean): void {
    const status = field(fields, 'grpc-status');
    if (status === undefined && !last) {
      this.statusDue = true;
      return;
    }
    this.statusDue = false;
    if (status === RESOURCE_EXHAUSTED) this.endpoint.slowedDown(now, -1);
    if (status !== undefined && FAILED_GRPC.has(Number(status))) this.endpoint.unsuccessful(now, this.probe, -1);
    else this.endpoint.succeeded(now, this.probe);
  }

  data(buf: Buffer, start: number, end: number): void {
    this.owner.client.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    this.release();
    if (this.statusDue) this.judgeGrpc(trailers ?? [], this.owner.config.balancer.clock.now(), true);
    this.owner.client.end(trailers);
  }

  reset(reason: Reset): void {
    this.release();
    const { owner, endpoint } = this;
    const error = this.answered ? null : this.errorOf(reason);
    if (reason === RESET.refused && !this.answered) {
      endpoint.refused();
      if (owner.refused(endpoint)) return;
    } else if (!this.answered || this.statusDue) {
      this.statusDue = false;
      endpoint.unsuccessful(owner.config.balancer.clock.now(), this.probe, -1);
    }
    if (error !== null) {
      owner.fail(error);
      return;
    }
    owner.done = true;
    owner.client.reset(reason);
  }

  /** What a client that has no answer yet is told of a reset; null when the reset itself says it. */
  private errorOf(reason: Reset): ProxyError | null {
    const at = addrText(this.endpoint.info.addr);
    if (reason === RESET.refused) return new ProxyError('CONNECT', `${at} did not take the request`);
    if (reason === RESET.io) return new ProxyError('IO', `the connection to ${at} broke before it answered`);
    return reason === RESET.protocol ? new ProxyError('BAD_GATEWAY', `the answer of ${at} breaks the protocol`) : null;
  }

  credit(n: number): void {
    // A second try takes bytes that the client was given credit for already.
    const owner = this.owner;
    const before = owner.credited;
    this.creditedNow += n;
    if (this.creditedNow > before) {
      owner.credited = this.creditedNow;
      owner.client.credit(this.creditedNow - before);
    }
  }
}

const RESOURCE_EXHAUSTED = '8';
