import dns from 'node:dns';
import { isIP } from 'node:net';
import type { ServiceAddr } from '../env.ts';
import { Balancer, type BalancerConfig } from '../balance/balancer.ts';
import { dispatch } from '../balance/dispatch.ts';
import type { EndpointInfo } from '../balance/endpoint.ts';
import type { Log } from '../log.ts';
import type { Service } from '../message/contract.ts';
import { respondError } from '../respond.ts';
import type { CounterFamily } from '../telemetry/registry.ts';
import { Backoff } from './backoff.ts';

/** Addresses of a host name; empty when it does not resolve. */
export type Resolve = (host: string) => Promise<string[]>;

/** The system's resolver, asked for the name as it is (no search domains). */
export const systemResolve: Resolve = async (host) => {
  if (isIP(host) !== 0 || host === 'localhost') return [host === 'localhost' ? '127.0.0.1' : host];
  const absolute = host.endsWith('.') ? host : `${host}.`;
  return (await dns.promises.lookup(absolute, { all: true })).map((a) => a.address);
};

/** Counts lookups as Linkerd does: `client` is who needs them. */
export function countLookups(resolve: Resolve, family: CounterFamily, client: string): Resolve {
  return async (host) => {
    let result = 'not_found';
    try {
      const found = await resolve(host);
      if (found.length > 0) result = 'ok';
      return found;
    } finally {
      family.with({ client, record_type: 'a', result }).value++;
    }
  };
}

const REFRESH_MS = 30_000;
/** Lookups that failed are tried again after this long, doubling. */
const RETRY_MS = { base: 500, max: 10_000 };

/** A control-plane service as a Service: its addresses from DNS, refreshed, balanced and connected to like any other destination. */
export class ControlChannel {
  readonly service: Service;
  readonly authority: string;
  private readonly balancer: Balancer;
  private readonly addr: ServiceAddr;
  private readonly resolve: Resolve;
  private readonly log: Log;
  private current = '';
  private stopped = false;
  private readonly backoff: Backoff;
  private readonly random: () => number;

  constructor(addr: ServiceAddr, config: BalancerConfig, resolve: Resolve, log: Log) {
    this.addr = addr;
    this.resolve = resolve;
    this.log = log;
    this.authority = `${addr.host.replace(/\.$/, '')}:${addr.port}`;
    this.random = config.random;
    this.backoff = new Backoff(config.pool.clock, config.random, RETRY_MS.base, RETRY_MS.max);
    this.balancer = new Balancer(this.authority, config);
    this.service = dispatch({ balancer: this.balancer, protocol: () => 'http2', fail: respondError, maxTries: 3 });
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    let ips: string[] = [];
    try {
      ips = [...await this.resolve(this.addr.host)].sort();
    } catch (e) {
      this.log.debug('a control-plane service does not resolve', { host: this.addr.host, error: (e as Error).message });
    }
    if (this.stopped) return;
    if (ips.length === 0) {
      // What was resolved last stays in use.
      this.backoff.schedule(() => void this.refresh());
      return;
    }
    this.backoff.reset();
    if (ips.join() !== this.current) this.replace(ips);
    // Pods of one rollout would otherwise all ask at the same moment.
    this.balancer.clock.after(REFRESH_MS * (0.9 + 0.2 * this.random()), () => void this.refresh());
  }

  private replace(ips: string[]): void {
    const gone = this.current === '' ? [] : this.current.split(',').filter((ip) => !ips.includes(ip));
    this.current = ips.join();
    this.balancer.remove(gone.map((ip) => ({ ip, port: this.addr.port })));
    this.balancer.add(ips.map((ip) => this.info(ip)));
  }

  private info(ip: string): EndpointInfo {
    const { identity, port } = this.addr;
    return { addr: { ip, port }, weight: 1, labels: {}, tls: identity === null ? null : { identity, serverName: identity }, h2: true, opaque: false, transportPort: 0 };
  }

  stop(): void {
    this.stopped = true;
    this.backoff.stop();
    this.balancer.clear();
  }
}
