import type { Timer } from '../../lib/clock.ts';
import { addrText } from '../accept/addr.ts';
import { Balancer, type BalancerConfig } from '../balance/balancer.ts';
import { settingsOf, type BalanceSettings } from '../balance/settings.ts';
import type { BackendRef, BalancePolicy } from '../policy/outbound/model.ts';
import { watchEndpoints } from './endpoints.ts';
import type { Channel } from './watch.ts';

interface Entry { balancer: Balancer; stop: () => void; users: number; lingers: Timer | null }

/** A balancer that nobody uses any more is kept for this long: exchanges under way may still try again, and a policy often comes back. Milliseconds. */
const LINGER_MS = 30_000;

/** The balancers of every backend in use: one for a backend and the way it is balanced over, however many destinations and rules lead to it. */
export class Balancers {
  private readonly entries = new Map<string, Entry>();
  private readonly channel: Channel;
  private readonly context: string;
  private readonly config: (name: string, settings: BalanceSettings) => BalancerConfig;

  constructor(channel: Channel, context: string, config: (name: string, settings: BalanceSettings) => BalancerConfig) {
    this.channel = channel;
    this.context = context;
    this.config = config;
  }

  acquire(ref: BackendRef, policy: BalancePolicy): Balancer {
    const key = keyOf(ref, policy);
    let e = this.entries.get(key);
    if (e === undefined) {
      const name = nameOf(ref);
      const balancer = new Balancer(name, this.config(name, settingsOf(policy)));
      let stop = (): void => {};
      if (ref.kind === 'discover') stop = watchEndpoints(this.channel, ref.path, this.context, balancer);
      else balancer.add([ref.endpoint]);
      this.entries.set(key, e = { balancer, stop, users: 0, lingers: null });
    }
    this.channel.clock.cancel(e.lingers);
    e.users++;
    return e.balancer;
  }

  release(ref: BackendRef, policy: BalancePolicy): void {
    const key = keyOf(ref, policy);
    const e = this.entries.get(key);
    if (e === undefined || --e.users > 0) return;
    e.lingers = this.channel.clock.after(LINGER_MS, () => this.close(key, e));
  }

  /** Ends the watches of all. */
  stop(): void {
    for (const [key, e] of this.entries) this.close(key, e);
  }

  private close(key: string, e: Entry): void {
    this.channel.clock.cancel(e.lingers);
    this.entries.delete(key);
    e.stop();
    e.balancer.close();
  }
}

function nameOf(ref: BackendRef): string {
  return ref.kind === 'discover' ? ref.path : `${addrText(ref.endpoint.addr)}${ref.endpoint.tls === null ? '' : ` ${ref.endpoint.tls.identity}`}`;
}

/** Requests that stick to an endpoint and others share its balancer: only what it is made with tells two apart. */
function keyOf(ref: BackendRef, policy: BalancePolicy): string {
  return `${ref.kind === 'discover' ? ref.path : JSON.stringify(ref.endpoint)} ${JSON.stringify(settingsOf(policy))}`;
}
