import { Balancer, type BalancerConfig } from '../balance/balancer.ts';
import { addrText } from '../accept/addr.ts';
import { watchEndpoints } from './endpoints.ts';
import type { BackendRef } from './outbound-policy.ts';
import type { Channel } from './watch.ts';

interface Entry { balancer: Balancer; stop: () => void; users: number }

/** The balancers of every backend in use: one a backend, however many destinations lead to it. */
export class Balancers {
  private readonly entries = new Map<string, Entry>();
  private readonly channel: Channel;
  private readonly context: string;
  private readonly config: (name: string) => BalancerConfig;

  constructor(channel: Channel, context: string, config: (name: string) => BalancerConfig) {
    this.channel = channel;
    this.context = context;
    this.config = config;
  }

  acquire(ref: BackendRef): Balancer {
    const key = keyOf(ref);
    let e = this.entries.get(key);
    if (e === undefined) {
      const balancer = new Balancer(key, this.config(key));
      let stop = (): void => {};
      if (ref.kind === 'discover') stop = watchEndpoints(this.channel, ref.path, this.context, balancer);
      else balancer.add([ref.endpoint]);
      this.entries.set(key, e = { balancer, stop, users: 0 });
    }
    e.users++;
    return e.balancer;
  }

  release(ref: BackendRef): void {
    const key = keyOf(ref);
    const e = this.entries.get(key);
    if (e === undefined || --e.users > 0) return;
    this.entries.delete(key);
    e.stop();
    e.balancer.close();
  }
}

function keyOf(ref: BackendRef): string {
  return ref.kind === 'discover' ? ref.path : `${addrText(ref.endpoint.addr)}${ref.endpoint.tls === null ? '' : ` ${ref.endpoint.tls.identity}`}`;
}
