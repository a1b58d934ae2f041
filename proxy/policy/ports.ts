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
}

/** Clients choose the port numbers: only so many are worth a stream. */
const MAX_PORTS = 256;

interface Port {
  policy: PortPolicy;
  /** the control plane has answered, or has had its time */
  settled: boolean;
  watchers: Set<() => void>;
}

/** Policies of the application's ports: watched from first use, the last good one kept while the control plane is away or sends what cannot be followed. */
export class PortPolicies {
  private readonly config: PortPoliciesConfig;
  private readonly ports = new Map<number, Port>();
  private readonly watches: { stop(): void }[] = [];

  constructor(config: PortPoliciesConfig, ports: number[]) {
    this.config = config;
    for (const p of ports) this.get(p);
  }

  get(port: number): PortPolicy {
    const known = this.ports.get(port);
    if (known !== undefined) return known.policy;
    const policy = this.config.fallback(port);
    if (this.ports.size >= MAX_PORTS) return policy;
    const entry: Port = { policy, settled: false, watchers: new Set() };
    this.ports.set(port, entry);
    this.watch(port, entry);
    return entry.policy;
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

  private watch(port: number, entry: Port): void {
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
    this.watches.push(new Watch(channel, INBOUND_WATCH, { workload, port }, {
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
    }));
  }

  stop(): void {
    for (const w of this.watches) w.stop();
  }
}
