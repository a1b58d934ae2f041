import type { Clock } from '../../lib/clock.ts';
import { STATUS } from '../../lib/grpc/status.ts';
import { Watch, type Channel } from '../discover/watch.ts';
import { INBOUND_WATCH } from '../discover/methods.ts';
import type { Log } from '../log.ts';
import { compileServer, PortPolicy } from './inbound.ts';

export interface PortPoliciesConfig {
  clock: Clock;
  channel: Channel;
  workload: string;
  /** what holds for a port that the control plane has said nothing about */
  fallback: (port: number) => PortPolicy;
  log: Log;
  /** told of each policy that cannot be followed */
  onBadPolicy: () => void;
  /** how long the first connection to a port waits for its policy before the fallback holds; milliseconds */
  firstMs: number;
  /** a port that no connection uses is forgotten after this long; milliseconds */
  idleMs: number;
  /** what holds for ports beyond those that can be watched: nobody knows whom they are for */
  beyond: PortPolicy;
  /** told of each such port */
  onBeyond: () => void;
}

/** Clients choose the port numbers: only so many are worth a stream. Those of the application's containers are among them for good. */
const MAX_PORTS = 256;

interface Port {
  policy: PortPolicy;
  /** the control plane has answered, or has had its time */
  settled: boolean;
  watchers: Set<() => void>;
  watch: { readonly current: boolean; stop(): void };
  connections: number;
  usedAt: number;
  /** declared by the pod, so never forgotten */
  declared: boolean;
}

/** Policies of the application's ports: watched from first use, the last good one kept while the control plane is away or sends what cannot be followed. */
export class PortPolicies {
  private readonly config: PortPoliciesConfig;
  private readonly ports = new Map<number, Port>();

  constructor(config: PortPoliciesConfig, ports: number[]) {
    this.config = config;
    for (const p of ports) this.open(p, true);
    this.sweepLater();
  }

  get(port: number): PortPolicy {
    const known = this.ports.get(port);
    if (known !== undefined) return known.policy;
    if (this.ports.size < MAX_PORTS || this.makeRoom()) return this.open(port, false).policy;
    this.config.onBeyond();
    return this.config.beyond;
  }

  private open(port: number, declared: boolean): Port {
    const { clock, fallback } = this.config;
    const entry: Port = { policy: fallback(port), settled: false, watchers: new Set(), watch: NONE, connections: 0, usedAt: clock.now(), declared };
    this.ports.set(port, entry);
    entry.watch = this.watch(port, entry);
    return entry;
  }

  /** Who scans the pod's ports must not take the place of those that are used. */
  private makeRoom(): boolean {
    let oldest = -1;
    let usedAt = Infinity;
    for (const [port, entry] of this.ports) {
      if (!isIdle(entry) || entry.usedAt >= usedAt) continue;
      oldest = port;
      usedAt = entry.usedAt;
    }
    if (oldest < 0) return false;
    this.forget(oldest);
    return true;
  }

  private forget(port: number): void {
    this.ports.get(port)!.watch.stop();
    this.ports.delete(port);
  }

  private sweepLater(): void {
    const { clock, idleMs } = this.config;
    clock.after(idleMs / 4, () => {
      const limit = clock.now() - idleMs;
      // While the control plane is away, what is known is all there is.
      for (const [port, entry] of this.ports) if (isIdle(entry) && entry.usedAt <= limit && entry.watch.current) this.forget(port);
      this.sweepLater();
    });
  }

  /** A connection to this port; the result is to be called when it is gone. */
  connected(port: number): () => void {
    const entry = this.ports.get(port);
    if (entry === undefined) return () => {};
    entry.connections++;
    return () => {
      entry.connections--;
      entry.usedAt = this.config.clock.now();
    };
  }

  /** Calls `f` once it is known what holds for a port; at once for one that has been in use. */
  whenKnown(port: number, f: () => void): void {
    this.get(port);
    const entry = this.ports.get(port);
    if (entry === undefined || entry.settled) {
      f();
      return;
    }
    const once = (): void => {
      entry.watchers.delete(once);
      f();
    };
    entry.watchers.add(once);
  }

  /** Calls `f` after each change of a port's policy, until the result is called. */
  onChange(port: number, f: () => void): () => void {
    const watchers = this.ports.get(port)?.watchers;
    watchers?.add(f);
    return () => watchers?.delete(f);
  }

  private watch(port: number, entry: Port): Port['watch'] {
    const { channel, workload, log, clock, fallback, onBadPolicy, firstMs } = this.config;
    const use = (policy: PortPolicy): void => {
      entry.policy = policy;
      entry.settled = true;
      clock.cancel(first);
      for (const f of entry.watchers) f();
    };
    const first = clock.after(firstMs, () => {
      log.debug('the control plane has not said what holds for a port; the default policy does', { port });
      use(entry.policy);
    });
    return new Watch(channel, INBOUND_WATCH, { workload, port }, {
      message: (server) => {
        let policy: PortPolicy;
        try {
          policy = compileServer(server, clock, entry.policy);
        } catch (e) {
          onBadPolicy();
          log.warn('the policy of a port cannot be followed; the last good one stays', { port, error: (e as Error).message });
          return;
        }
        use(policy);
      },
      ended: (error) => {
        log.debug('the policy stream of a port ended', { port, error: error?.message ?? '' });
        if (error?.code === STATUS.NOT_FOUND) use(fallback(port));
        return false;
      },
    });
  }

  stop(): void {
    for (const { watch } of this.ports.values()) watch.stop();
  }
}

const NONE: Port['watch'] = { current: false, stop() {} };

function isIdle(entry: Port): boolean {
  return entry.connections === 0 && !entry.declared && entry.watchers.size === 0;
}
