import type { ProxyError } from '../errors.ts';
import { RESET, type Reset } from '../message/reset.ts';
import type { ClientConnection, Fields, RequestHead, RequestStream, ResponseHead, ResponseStream, Service } from '../message/contract.ts';
import { affinityKey, hashText, newKey, withCookie, type AffinityConfig } from './affinity.ts';
import { Attempt } from './attempt.ts';
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
  /** requests with the same key go to the same endpoint; `random` makes keys for clients that are given a cookie */
  affinity?: { config: AffinityConfig; random: () => number } | null;
  onRetry?: () => void;
  /** may put itself between the endpoint's answer and the client (tap) */
  observe?: (head: RequestHead, endpoint: Endpoint, answer: ResponseStream) => ResponseStream;
}

/** The service at the bottom of a stack: picks an endpoint for each exchange, waits for a connection, and moves on while nothing has been processed. */
export function dispatch(config: DispatchConfig): Service {
  return (head, ended, client) => {
    const d = new Dispatched(config, head, ended, client);
    d.begin();
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
  /** the request so far; null when it has no body */
  private readonly replay: ReplayBuffer | null;
  /** something of an answer has passed */
  private committed = false;
  readonly head: RequestHead;
  done = false;
  private current: Attempt | null = null;
  private up: RequestStream | null = null;
  private tried: Endpoint[] | null = null;
  private stopWaiting: (() => void) | null = null;
  /** the call that made this object has returned */
  private returned = false;
  /** hash of the session's key, -1 without one */
  private key = -1;
  /** a key that the client is told of with its answer, or '' */
  private newKey = '';
  /** request bytes given back to the client so far, over all tries */
  credited = 0;

  constructor(config: DispatchConfig, head: RequestHead, ended: boolean, client: ResponseStream) {
    this.config = config;
    this.head = head;
    this.client = client;
    this.replay = ended ? null : new ReplayBuffer(MAX_REPLAY);
  }

  begin(): void {
    const { affinity } = this.config;
    if (affinity !== undefined && affinity !== null) this.findKey(affinity.config, affinity.random);
    this.next();
    this.returned = true;
  }

  private findKey(config: AffinityConfig, random: () => number): void {
    let key = affinityKey(config, this.head);
    if (key === null && 'cookie' in config) key = this.newKey = newKey(random);
    if (key !== null) this.key = hashText(key);
  }

  /** Tries the next endpoint. */
  next(): void {
    if (this.done) return;
    const { balancer, protocol } = this.config;
    this.stopWaiting = null;
    const endpoint = balancer.pick(this.tried, this.key);
    if (endpoint === null) {
      this.wait();
      return;
    }
    const probe = endpoint.picked();
    const kind = protocol(this.head, endpoint);
    const conn = endpoint.pool.take(kind);
    if (conn === null) this.waitForConnection(endpoint, kind, probe);
    else this.start(endpoint, conn, probe);
  }

  private wait(): void {
    let settled = false;
    const stop = this.config.balancer.wait(() => {
      settled = true;
      this.next();
    }, (error) => {
      settled = true;
      this.fail(error);
    });
    if (!settled) this.stopWaiting = stop;
  }

  /** An exchange that waits for a connection is load too: a burst would otherwise follow the one endpoint whose connection is still being made. */
  private waitForConnection(endpoint: Endpoint, kind: Protocol, probe: boolean): void {
    let settled = false;
    const settle = (): void => {
      settled = true;
      endpoint.pending--;
    };
    endpoint.pending++;
    const stop = endpoint.pool.wait(kind, {
      ready: (conn) => {
        settle();
        this.start(endpoint, conn, probe);
        endpoint.connected();
      },
      failed: (error) => {
        settle();
        this.connectFailed(endpoint, error);
      },
    });
    if (settled) return;
    this.stopWaiting = () => {
      settle();
      stop();
    };
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

  private start(endpoint: Endpoint, conn: ClientConnection, probe: boolean): void {
    if (this.done) return;
    this.stopWaiting = null;
    const attempt = new Attempt(this, endpoint, this.config.balancer.clock.now(), probe);
    this.current = attempt;
    const { observe } = this.config;
    const up = endpoint.call(conn, this.head, this.replay === null, observe === undefined ? attempt : observe(this.head, endpoint, attempt));
    if (this.current !== attempt || this.done) return;
    this.up = up;
    this.replay?.send(up);
  }

  /** The endpoint did not process the exchange: true when it goes to another one. */
  refused(endpoint: Endpoint): boolean {
    if (this.done || this.committed || this.replay?.complete === false || (this.tried?.length ?? 0) + 1 >= this.config.maxTries) return false;
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
    // The rest of the request goes nowhere: whoever sends it may stop. What asked for a tunnel has nothing more to send.
    if (this.returned && this.replay?.ended === false && this.head.upgrade === '' && this.head.method !== 'CONNECT') this.client.reset(RESET.noError);
  }

  /** The request is not needed any more. */
  commit(): void {
    this.committed = true;
    this.replay?.drop();
  }

  /** The head as the client gets it. */
  answerHead(head: ResponseHead): ResponseHead {
    return this.newKey === '' ? head : withCookie(this.config.affinity!.config, this.newKey, head);
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.done) return;
    this.replay?.data(buf, start, end, this.up === null);
    this.up?.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (this.done) return;
    this.replay?.end(trailers);
    this.up?.end(trailers);
  }

  reset(reason: Reset): void {
    if (this.done) return;
    this.done = true;
    this.stopWaiting?.();
    this.current?.abandoned(reason);
    this.up?.reset(reason);
  }

  credit(n: number): void {
    this.up?.credit(n);
  }
}
