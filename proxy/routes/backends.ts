import type { Balancer } from '../balance/balancer.ts';
import type { DispatchConfig } from '../balance/dispatch.ts';
import type { Balancers } from '../discover/balancers.ts';
import type { Backend, BackendRef, BalancePolicy } from '../policy/outbound/model.ts';

export interface Opened {
  balancer: Balancer;
  affinity: NonNullable<DispatchConfig['affinity']> | null;
  /** an endpoint could take an exchange now, or that is not known yet */
  usable: () => boolean;
}

/** The balancers that the stacks of one destination use; given back together when they are replaced. */
export class BackendSet {
  private readonly balancers: Balancers;
  private readonly random: () => number;
  private readonly held: [BackendRef, BalancePolicy][] = [];
  /** those that are chosen among */
  private readonly choices = new Set<Balancer>();

  constructor(balancers: Balancers, random: () => number) {
    this.balancers = balancers;
    this.random = random;
  }

  /** null: the backend is not valid. `choice`: there are others beside it, so that it matters from the start whether it has endpoints. */
  open({ ref, balance }: Backend, choice: boolean): Opened | null {
    if (ref === null) return null;
    const balancer = this.balancers.acquire(ref, balance);
    if (choice) this.choices.add(balancer);
    this.held.push([ref, balance]);
    return { balancer, affinity: balance.affinity === null ? null : { config: balance.affinity, random: this.random }, usable: () => balancer.available || balancer.awaited };
  }

  /** Calls f once it is known of all of them. */
  whenHeard(f: () => void): void {
    let left = this.choices.size;
    if (left === 0) f();
    for (const b of this.choices) {
      b.whenHeard(() => {
        if (--left === 0) f();
      });
    }
  }

  release(): void {
    for (const [ref, balance] of this.held.splice(0)) this.balancers.release(ref, balance);
  }
}
