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

  constructor(balancers: Balancers, random: () => number) {
    this.balancers = balancers;
    this.random = random;
  }

  /** null: the backend is not valid. */
  open({ ref, balance }: Backend): Opened | null {
    if (ref === null) return null;
    const balancer = this.balancers.acquire(ref, balance);
    this.held.push([ref, balance]);
    return { balancer, affinity: balance.affinity === null ? null : { config: balance.affinity, random: this.random }, usable: () => balancer.available || balancer.awaited };
  }

  release(): void {
    for (const [ref, balance] of this.held.splice(0)) this.balancers.release(ref, balance);
  }
}
