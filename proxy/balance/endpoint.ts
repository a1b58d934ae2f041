import type { SocketAddr } from '../accept/addr.ts';
import type { ClientConnection, RequestHead, RequestStream, ResponseStream, Service, Layer } from '../message/contract.ts';
import { PeakEwma } from './peak-ewma.ts';
import { ConnectionPool, type PoolConfig } from './pool.ts';

/** What discovery says of one address. */
export interface EndpointInfo {
  addr: SocketAddr;
  weight: number;
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

/** One address of a service with its connections and its load estimate. */
export class Endpoint {
  readonly info: EndpointInfo;
  readonly pool: ConnectionPool;
  /** exchanges (or TCP connections) in progress */
  pending = 0;
  private readonly config: PoolConfig;
  private readonly ewma: PeakEwma;
  private readonly service: Service;
  private conn: ClientConnection | null = null;
  private failures = 0;
  private refusals = 0;
  private downUntil = 0;

  constructor(info: EndpointInfo, config: PoolConfig, layers: (e: Endpoint) => Layer) {
    this.info = info;
    this.config = config;
    this.ewma = new PeakEwma(config.clock.now());
    this.pool = new ConnectionPool(info, config);
    // The connection changes from call to call and the layers do not: it is set right before the call, which runs to the end at once.
    this.service = layers(this)((head, ended, client) => this.conn!.call(head, ended, client));
  }

  call(conn: ClientConnection, head: RequestHead, ended: boolean, client: ResponseStream): RequestStream {
    this.conn = conn;
    return this.service(head, ended, client);
  }

  /** Expected cost of one more exchange here; the smaller the better. */
  load(now: number): number {
    return (this.ewma.value(now) * (this.pending + 1)) / Math.max(1, this.info.weight);
  }

  observe(rttMs: number, now: number): void {
    this.ewma.observe(rttMs, now);
  }

  available(now: number): boolean {
    return now >= this.downUntil;
  }

  /** milliseconds (clock.now) from which it may be tried again */
  get retryAt(): number {
    return this.downUntil;
  }

  /** It could not be connected to: left alone for a while, the longer the more often that happens. */
  failed(): void {
    const { clock, retryDelayMs } = this.config;
    this.downUntil = clock.now() + Math.min(10_000, retryDelayMs * 2 ** this.failures);
    if (this.failures < 10) this.failures++;
  }

  /**
   * It did not take a request that was sent to it. Once may be a connection that was just closing; again, with no answer in between, means that
   * nobody is there behind its proxy, and what refuses fast must not look fast to the balancer.
   */
  refused(): void {
    if (++this.refusals >= 2) this.failed();
  }

  /** It answered, or took a connection. */
  alive(): void {
    this.failures = 0;
    this.refusals = 0;
    this.downUntil = 0;
  }
}
