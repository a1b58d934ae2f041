import { addrText } from '../accept/addr.ts';
import { ProxyError } from '../errors.ts';
import { RESET, type Reset } from '../message/reset.ts';
import type { ClientConnection, Fields, RequestHead, RequestStream, ResponseHead, ResponseStream, Service } from '../message/contract.ts';
import type { Balancer } from './balancer.ts';
import type { Endpoint } from './endpoint.ts';
import type { Protocol } from './pool.ts';
import { ReplayBuffer } from './replay.ts';

export interface DispatchConfig {
  balancer: Balancer;
  protocol: (head: RequestHead, endpoint: Endpoint) => Protocol;
  /** answers for an exchange that reached no endpoint */
  fail: (head: RequestHead, client: ResponseStream, error: ProxyError) => void;
  /** endpoints tried for one exchange, when those before could not be connected to or refused it unprocessed */
  maxTries: number;
  onRetry?: () => void;
  /** may put itself between the endpoint's answer and the client (tap) */
  observe?: (head: RequestHead, endpoint: Endpoint, answer: ResponseStream) => ResponseStream;
}

/** The service at the bottom of a stack: picks an endpoint for each exchange, waits for a connection, and moves on while nothing has been processed. */
export function dispatch(config: DispatchConfig): Service {
  return (head, ended, client) => {
    const d = new Dispatched(config, head, ended, client);
    d.next();
    return d;
  };
}

const MAX_REPLAY = 64 * 1024;

/**
 * One exchange on its way to an endpoint. It is safe to send it again when the connection could not be made or the endpoint said that it did not
 * process it (RESET.refused), as long as the request so far is kept.
 */
class Dispatched implements RequestStream {
  readonly config: DispatchConfig;
  readonly client: ResponseStream;
  readonly replay: ReplayBuffer;
  private readonly head: RequestHead;
  private current: Attempt | null = null;
  private up: RequestStream | null = null;
  private tried: Endpoint[] | null = null;
  private stopWaiting: (() => void) | null = null;
  private deadline = 0;
  done = false;
  /** request bytes given back to the client so far, over all tries */
  credited = 0;

  constructor(config: DispatchConfig, head: RequestHead, ended: boolean, client: ResponseStream) {
    this.config = config;
    this.head = head;
    this.client = client;
    this.replay = new ReplayBuffer(MAX_REPLAY, ended);
  }

  /** Tries the next endpoint. */
  next(): void {
    if (this.done) return;
    const { balancer, protocol } = this.config;
    this.stopWaiting = null;
    const endpoint = balancer.pick(this.tried);
    if (endpoint === null) {
      if (this.deadline === 0) this.deadline = balancer.deadline();
      this.stopWaiting = balancer.wait(this.deadline, () => this.next(), (error) => this.fail(error));
      return;
    }
    const kind = protocol(this.head, endpoint);
    const conn = endpoint.pool.take(kind);
    if (conn === null) this.waitForConnection(endpoint, kind);
    else this.start(endpoint, conn);
  }

  private waitForConnection(endpoint: Endpoint, kind: Protocol): void {
    let settled = false;
    const stop = endpoint.pool.wait(kind, {
      ready: (conn) => {
        settled = true;
        this.start(endpoint, conn);
      },
      failed: (error) => {
        settled = true;
        this.connectFailed(endpoint, error);
      },
    });
    if (!settled) this.stopWaiting = stop;
  }

  private connectFailed(endpoint: Endpoint, error: ProxyError): void {
    if (this.done) return;
    endpoint.failed();
    this.again(endpoint, error);
  }

  /** Moves on to another endpoint, or fails with `error` when enough were tried. */
  private again(endpoint: Endpoint, error: ProxyError): void {
    (this.tried ??= []).push(endpoint);
    if (this.tried.length >= this.config.maxTries) this.fail(error);
    else this.next();
  }

  private start(endpoint: Endpoint, conn: ClientConnection): void {
    if (this.done) return;
    this.stopWaiting = null;
    const attempt = new Attempt(this, endpoint, this.config.balancer.clock.now());
    this.current = attempt;
    const { observe } = this.config;
    const up = endpoint.call(conn, this.head, this.replay.bodiless, observe === undefined ? attempt : observe(this.head, endpoint, attempt));
    if (this.current !== attempt || this.done) return;
    this.up = up;
    this.replay.send(up);
  }

  /** The endpoint did not process the exchange: true when it goes to another one. */
  refused(endpoint: Endpoint): boolean {
    if (this.done || !this.replay.complete || (this.tried?.length ?? 0) + 1 >= this.config.maxTries) return false;
    this.current = null;
    this.up = null;
    (this.tried ??= []).push(endpoint);
    this.config.onRetry?.();
    // Not from inside the connection's own callback: it may be half torn down.
    setImmediate(() => this.next());
    return true;
  }

  /** Ends the exchange with an answer of the proxy. */
  fail(error: ProxyError): void {
    if (this.done) return;
    this.done = true;
    this.config.fail(this.head, this.client, error);
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.done) return;
    this.replay.data(buf, start, end, this.up === null);
    this.up?.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (this.done) return;
    this.replay.end(trailers);
    this.up?.end(trailers);
  }

  reset(reason: Reset): void {
    if (this.done) return;
    this.done = true;
    this.stopWaiting?.();
    this.current?.release();
    this.up?.reset(reason);
  }

  credit(n: number): void {
    this.up?.credit(n);
  }
}

/** The answer of one try. Its figures go into the endpoint's load estimate. */
class Attempt implements ResponseStream {
  private readonly owner: Dispatched;
  private readonly endpoint: Endpoint;
  private readonly startedAt: number;
  private released = false;
  private answered = false;
  private creditedNow = 0;

  constructor(owner: Dispatched, endpoint: Endpoint, startedAt: number) {
    this.owner = owner;
    this.endpoint = endpoint;
    this.startedAt = startedAt;
    endpoint.pending++;
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.endpoint.pending--;
  }

  informational(head: ResponseHead): void {
    this.owner.replay.drop();
    this.owner.client.informational(head);
  }

  head(head: ResponseHead): void {
    this.answered = true;
    this.endpoint.alive();
    this.owner.replay.drop();
    const now = this.owner.config.balancer.clock.now();
    this.endpoint.observe(now - this.startedAt, now);
    this.owner.client.head(head);
  }

  data(buf: Buffer, start: number, end: number): void {
    this.owner.client.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    this.release();
    this.owner.client.end(trailers);
  }

  reset(reason: Reset): void {
    this.release();
    const error = this.answered ? null : this.errorOf(reason);
    if (error === null) {
      this.owner.done = true;
      this.owner.client.reset(reason);
      return;
    }
    if (reason === RESET.refused) {
      this.endpoint.refused();
      if (this.owner.refused(this.endpoint)) return;
    }
    this.owner.fail(error);
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
