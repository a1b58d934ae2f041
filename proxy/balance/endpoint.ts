import type { SocketAddr } from '../accept/addr.ts';
import { addrText } from '../accept/addr.ts';
import type { ClientConnection, RequestHead, RequestStream, ResponseStream, Service, Layer } from '../message/contract.ts';
import { hashText } from './affinity.ts';
import { Breaker } from './breaker.ts';
import { PeakEwma } from './peak-ewma.ts';
import { Penalty } from './penalty.ts';
import { ConnectionPool, type PoolConfig } from './pool.ts';
import type { BalanceSettings } from './settings.ts';

/** What discovery says of one address. */
export interface EndpointInfo {
  addr: SocketAddr;
  /** share of the traffic relative to others'; 1 is a whole one */
  weight: number;
  /** endpoints with a higher number are used only while none with a lower one can be; 0 when absent */
  priority?: number;
  /** metric labels of the address, without the dst_ prefix */
  labels: Record<string, string>;
  /** mesh identity and SNI of the peer's proxy; null for an unmeshed address */
  tls: { identity: string; serverName: string } | null;
  /** the peer's proxy takes HTTP/1 as HTTP/2 */
  h2: boolean;
  /** the peer must not look into the bytes */
  opaque: boolean;
  /** the peer's inbound port, which takes a transport header; 0 when it is to be dialled at addr.port */
  transportPort: number;
}

/** What an endpoint needs of its balancer. */
export interface EndpointOwner {
  pool: PoolConfig;
  settings: BalanceSettings;
  layers: (e: Endpoint) => Layer;
  random: () => number;
  mayEject: () => boolean;
  /** it can be used again */
  onUp: () => void;
  /** it cannot be connected to */
  onDown: () => void;
  onEject: () => void;
}

/** A peer that ends a connection is about to leave, or has just begun anew: others are preferred for a while, as if it were this much slower. Milliseconds. */
const LEAVING_MS = 1_000;
const MAX_REST_MS = 10_000;

/** One address of a service with its connections, its load estimate and its health. */
export class Endpoint {
  readonly info: EndpointInfo;
  readonly pool: ConnectionPool;
  /** of its address; what consistent hashing goes by */
  readonly hash: number;
  readonly weight: number;
  /** clock.now at which it was added */
  readonly addedAt: number;
  /** exchanges (or TCP connections) in progress */
  pending = 0;
  private readonly owner: EndpointOwner;
  private readonly ewma: PeakEwma;
  private readonly penalty: Penalty;
  private readonly breaker: Breaker | null;
  private readonly service: Service;
  private conn: ClientConnection | null = null;
  private failures = 0;
  private refusals = 0;
  private downUntil = 0;

  constructor(info: EndpointInfo, owner: EndpointOwner) {
    const { pool, settings, random, mayEject } = owner;
    this.info = info;
    this.owner = owner;
    this.weight = info.weight > 0 ? info.weight : 1;
    this.hash = hashText(addrText(info.addr));
    this.addedAt = pool.clock.now();
    this.ewma = new PeakEwma(this.addedAt, settings.load.defaultRttMs, settings.load.decayMs);
    this.penalty = new Penalty(settings.load);
    this.breaker = settings.breaker === null ? null : new Breaker(settings.breaker, { clock: pool.clock, random, mayEject });
    this.pool = new ConnectionPool(info, pool, () => this.penalty.atLeast(LEAVING_MS, pool.clock.now()));
    // The connection changes from call to call and the layers do not: it is set right before the call, which runs to the end at once.
    this.service = owner.layers(this)((head, ended, client) => this.conn!.call(head, ended, client));
  }

  call(conn: ClientConnection, head: RequestHead, ended: boolean, client: ResponseStream): RequestStream {
    this.conn = conn;
    return this.service(head, ended, client);
  }

  /**
   * Expected time of one more exchange here; the smaller the better. What is in flight counts by the endpoint's weight. An idle endpoint's weight is in how often it
   * is drawn, not in this. A new one is tried once before the time that is assumed of it counts (as Finagle does): beside fast ones that would leave it idle for
   * half a minute.
   */
  load(now: number): number {
    const expected = this.ewma.measured || this.pending > 0 ? this.ewma.value(now) : 0;
    return (expected + this.penalty.value(now)) * (1 + this.pending / this.weight);
  }

  /** Its weight at this moment: a tenth to begin with, all of it after the slow start. */
  weightAt(now: number): number {
    const { slowStartMs } = this.owner.settings;
    const age = now - this.addedAt;
    return age >= slowStartMs ? this.weight : this.weight * Math.max(0.1, age / slowStartMs);
  }

  /** An exchange (or connection) got its first answer after rttMs. */
  observe(rttMs: number, now: number): void {
    this.ewma.observe(rttMs, now);
  }

  /** There was no answer after `ms`, so there would have been none sooner. */
  observeAtLeast(ms: number, now: number): void {
    if (ms > this.ewma.value(now)) this.ewma.observe(ms, now);
  }

  available(now: number): boolean {
    return now >= this.downUntil && (this.breaker === null || now >= this.breaker.openFrom);
  }

  /** clock.now from which it may be tried again */
  get retryAt(): number {
    return this.breaker === null ? this.downUntil : Math.max(this.downUntil, this.breaker.openFrom);
  }

  get ejected(): boolean {
    return this.breaker?.ejected === true;
  }

  /** Nothing speaks against it: it is neither ejected nor known to be down. */
  get ready(): boolean {
    return this.failures === 0 && !this.ejected;
  }

  /**
   * It is given an exchange. While it is out of order that is a probe, and others are kept from it for another pause; the result says whether the breaker goes by its
   * outcome.
   */
  picked(): boolean {
    if (this.failures > 0) this.downUntil = this.owner.pool.clock.now() + this.restMs(this.failures - 1);
    return this.breaker !== null && this.breaker.picked();
  }

  /** It could not be connected to: left alone for a while, the longer the more often that happens. */
  failed(): void {
    this.downUntil = this.owner.pool.clock.now() + this.restMs(this.failures);
    if (this.failures < 10) this.failures++;
    this.owner.onDown();
  }

  /** Back in the balancer although it fails. */
  readmit(): void {
    this.breaker?.readmit();
  }

  private restMs(n: number): number {
    return Math.min(MAX_REST_MS, this.owner.pool.retryDelayMs * 2 ** n);
  }

  /**
   * It did not take a request that was sent to it. Once may be a connection that was just closing; again, with no answer in between, means that
   * nobody is there behind its proxy, and what refuses fast must not look fast to the balancer.
   */
  refused(): void {
    if (++this.refusals >= 2) this.failed();
  }

  /** It took a connection, so it is there; unless it is one that takes connections and refuses what is sent on them. */
  connected(): void {
    if (this.refusals < 2) this.up();
  }

  /** It answered. */
  alive(): void {
    this.refusals = 0;
    this.up();
  }

  private up(): void {
    if (this.failures === 0) return;
    this.failures = 0;
    this.downUntil = 0;
    this.owner.onUp();
  }

  /** An exchange came to a good end. */
  succeeded(now: number, probe: boolean): void {
    this.penalty.succeeded(now);
    if (this.breaker !== null && this.breaker.succeeded(probe)) this.owner.onUp();
  }

  /** An exchange failed (5xx, a gRPC status of a failure, a broken response), and asked for a pause (-1: it did not). */
  unsuccessful(now: number, probe: boolean, hintMs: number): void {
    this.penalty.failed(now);
    if (this.breaker !== null && this.breaker.failed(probe, hintMs)) this.owner.onEject();
  }

  /** A response asked for less traffic (429, or Retry-After), for `hintMs` or (-1) without saying how long. */
  slowedDown(now: number, hintMs: number): void {
    const { maxRetryAfterMs, penaltyMs } = this.owner.settings.load;
    if (maxRetryAfterMs > 0) this.penalty.atLeast(Math.min(maxRetryAfterMs, hintMs < 0 ? penaltyMs : hintMs), now);
  }

  /** Whether the outcome of exchanges is of interest to anybody. */
  get judged(): boolean {
    return this.breaker !== null || this.owner.settings.load.penaltyMs > 0;
  }
}
