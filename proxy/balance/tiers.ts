import type { Clock } from '../../lib/clock.ts';
import { affinityOf, weightedAffinity } from './affinity.ts';
import type { Endpoint } from './endpoint.ts';

/** Endpoints of one priority, and the draw among them: of two drawn at random by weight, the one with the smaller load. */
class Tier {
  readonly endpoints: Endpoint[];
  /** all have the same weight, slow starts aside */
  private readonly alike: boolean;
  /** all weigh the same, now and later */
  private even = false;
  private cumulative: Float64Array | null = null;
  private weighedUntil = 0;
  private readonly slowStartMs: number;

  constructor(endpoints: Endpoint[], slowStartMs: number) {
    this.endpoints = endpoints;
    this.slowStartMs = slowStartMs;
    this.alike = endpoints.every((e) => e.weight === endpoints[0]!.weight);
  }

  /** Two draws settle nearly every pick; null when one of them is not available. */
  draw(now: number, random: () => number): Endpoint | null {
    const all = this.endpoints;
    const n = all.length;
    if (n === 1) return all[0]!.available(now) ? all[0]! : null;
    if (now >= this.weighedUntil) this.weigh(now);
    let a: Endpoint;
    let b: Endpoint;
    if (this.even) {
      const i = (random() * n) | 0;
      const j = (random() * (n - 1)) | 0;
      a = all[i]!;
      b = all[j < i ? j : j + 1]!;
    } else {
      a = this.byWeight(random);
      b = this.byWeight(random);
    }
    if (!a.available(now) || !b.available(now)) return null;
    // One that is to be probed is, however bad its load looks: it would not come back otherwise.
    if (!a.ready) return a;
    if (!b.ready) return b;
    return b.load(now) < a.load(now) ? b : a;
  }

  private byWeight(random: () => number): Endpoint {
    const sums = this.cumulative!;
    const at = random() * sums[sums.length - 1]!;
    let lo = 0;
    let hi = sums.length - 1;
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      if (at < sums[mid]!) hi = mid;
      else lo = mid + 1;
    }
    return this.endpoints[lo]!;
  }

  /** Weights change only while an endpoint is new. */
  private weigh(now: number): void {
    const { endpoints, slowStartMs } = this;
    const warming = slowStartMs > 0 && endpoints.some((e) => now - e.addedAt < slowStartMs);
    this.weighedUntil = warming ? now + slowStartMs / 50 : Infinity;
    const weights = endpoints.map((e) => e.weightAt(now));
    this.even = !warming && weights.every((w) => w === weights[0]);
    if (this.even) {
      this.cumulative = null;
      return;
    }
    let sum = 0;
    this.cumulative = Float64Array.from(weights, (w) => (sum += w));
  }

  /** The smaller load of two out of those that pass. */
  among(now: number, random: () => number, passes: (e: Endpoint) => boolean): Endpoint | null {
    const left = this.endpoints.filter(passes);
    return left.length === 0 ? null : left.length === this.endpoints.length ? this.draw(now, random) : new Tier(left, this.slowStartMs).draw(now, random);
  }

  /** The endpoint that a key belongs to, out of those that pass. */
  owner(key: number, passes: (e: Endpoint) => boolean): Endpoint | null {
    let best: Endpoint | null = null;
    let most = 0;
    for (const e of this.endpoints) {
      const s = this.alike ? affinityOf(key, e.hash) : weightedAffinity(key, e.hash, e.weight);
      if (s > most && passes(e)) {
        best = e;
        most = s;
      }
    }
    return best;
  }
}

/** The endpoints of a balancer by priority: those with a higher number are used only while none with a lower one is available. */
export class Tiers {
  private readonly tiers: Tier[];
  private readonly clock: Clock;
  private readonly random: () => number;

  constructor(endpoints: Iterable<Endpoint>, slowStartMs: number, clock: Clock, random: () => number) {
    const byPriority = Map.groupBy(endpoints, (e) => e.info.priority ?? 0);
    this.tiers = [...byPriority].sort(([a], [b]) => a - b).map(([, group]) => new Tier(group, slowStartMs));
    this.clock = clock;
    this.random = random;
  }

  /**
   * The endpoint for an exchange, never one of `tried` while another is available; null when none is. `key`: the hash by which the exchange always
   * goes to the same one, -1 for none.
   */
  pick(tried: readonly Endpoint[] | null, key: number): Endpoint | null {
    const now = this.clock.now();
    const { tiers, random } = this;
    if (tiers.length === 0) return null;
    if (tried === null && key < 0) {
      const e = tiers[0]!.draw(now, random);
      if (e !== null) return e;
    }
    return this.search(now, tried, key);
  }

  /** Apart from pick(), whose every call would make an object for what these closures see. */
  private search(now: number, tried: readonly Endpoint[] | null, key: number): Endpoint | null {
    const up = (e: Endpoint): boolean => e.available(now);
    const fresh = tried === null ? up : (e: Endpoint): boolean => e.available(now) && !tried.includes(e);
    return this.first(now, key, fresh) ?? (tried === null ? null : this.first(now, key, up));
  }

  private first(now: number, key: number, passes: (e: Endpoint) => boolean): Endpoint | null {
    for (const t of this.tiers) {
      const e = key < 0 ? t.among(now, this.random, passes) : t.owner(key, passes);
      if (e !== null) return e;
    }
    return null;
  }
}
