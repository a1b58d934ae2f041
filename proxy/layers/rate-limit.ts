import type { Clock } from '../../lib/clock.ts';

/** inbound.proto HttpLocalRateLimit: requests a second, each 0 for no limit. */
export interface RateLimitPolicy {
  /** all clients together */
  total: number;
  /** each client identity by itself; clients without one count as one */
  identity: number;
  /** in place of `identity` for the clients named */
  overrides: ReadonlyMap<string, number>;
}

/** Which limit a request met. */
export type Scope = 'total' | 'identity' | 'override';

/** A token bucket: a second's worth at most, refilled all the time. */
class Bucket {
  readonly perSecond: number;
  private tokens: number;
  private at: number;

  constructor(perSecond: number, now: number) {
    this.perSecond = perSecond;
    this.tokens = perSecond;
    this.at = now;
  }

  refill(now: number): void {
    this.tokens = Math.min(this.perSecond, this.tokens + ((now - this.at) * this.perSecond) / 1000);
    this.at = now;
  }

  get empty(): boolean {
    return this.tokens < 1;
  }

  get full(): boolean {
    return this.tokens >= this.perSecond;
  }

  take(): void {
    this.tokens--;
  }
}

/** Clients whose buckets are kept; those with a full one are forgotten first, which changes nothing for them. */
const MAX_CLIENTS = 10_000;

/** The limits of one port. Policy updates that leave the figures as they are keep the object, or each would be a fresh allowance. */
export class RateLimiter {
  readonly policy: RateLimitPolicy;
  private readonly clock: Clock;
  private readonly total: Bucket | null;
  private readonly clients = new Map<string, Bucket>();
  private forgotAt = -Infinity;

  constructor(policy: RateLimitPolicy, clock: Clock) {
    this.policy = policy;
    this.clock = clock;
    this.total = policy.total > 0 ? new Bucket(policy.total, clock.now()) : null;
  }

  /** Takes one request of a client ('' without identity) out of its limits; the scope of the one that it exceeds, or null. */
  check(identity: string): Scope | null {
    const now = this.clock.now();
    const override = this.policy.overrides.get(identity);
    const perSecond = override ?? this.policy.identity;
    const own = perSecond > 0 ? this.client(identity, perSecond, now) : null;
    own?.refill(now);
    if (own?.empty === true) return override === undefined ? 'identity' : 'override';
    this.total?.refill(now);
    if (this.total?.empty === true) return 'total';
    own?.take();
    this.total?.take();
    return null;
  }

  private client(identity: string, perSecond: number, now: number): Bucket {
    let b = this.clients.get(identity);
    if (b !== undefined) return b;
    if (this.clients.size >= MAX_CLIENTS) this.forget(now);
    this.clients.set(identity, b = new Bucket(perSecond, now));
    return b;
  }

  /** A bucket is full again a second after its last use, so there is no point in looking more often. */
  private forget(now: number): void {
    if (now - this.forgotAt >= 1_000) {
      this.forgotAt = now;
      for (const [identity, b] of this.clients) {
        b.refill(now);
        if (b.full) this.clients.delete(identity);
      }
    }
    // More at a time than are kept: the one known for longest has to go.
    if (this.clients.size >= MAX_CLIENTS) this.clients.delete(this.clients.keys().next().value!);
  }

  /** Says the same as another one. */
  is(policy: RateLimitPolicy): boolean {
    const { total, identity, overrides } = this.policy;
    return total === policy.total && identity === policy.identity && overrides.size === policy.overrides.size
      && [...overrides].every(([name, limit]) => policy.overrides.get(name) === limit);
  }
}
