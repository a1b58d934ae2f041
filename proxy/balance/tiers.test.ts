import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ManualClock } from '../../lib/clock.ts';
import { affinityOf, hashText, weightedAffinity } from './affinity.ts';
import { Endpoint, type EndpointInfo } from './endpoint.ts';
import { Penalty } from './penalty.ts';
import { DEFAULTS, type BalanceSettings } from './settings.ts';
import { Tiers } from './tiers.ts';

/** Minimal standard generator of Park and Miller: the same draws in every run. */
function seeded(from = 1): () => number {
  let seed = from;
  return () => (seed = (seed * 16807) % 2147483647) / 2147483647;
}

interface Setup { clock: ManualClock; tiers: Tiers; of: (ip: string) => Endpoint; shares: (n: number, use?: (e: Endpoint) => void) => Record<string, number> }

function setup(infos: { ip: string; weight?: number; priority?: number }[], settings: Partial<BalanceSettings> = {}): Setup {
  const clock = new ManualClock(1_000);
  const random = seeded();
  const merged = { ...DEFAULTS, ...settings };
  const make = ({ ip, weight = 1, priority = 0 }: (typeof infos)[number]): Endpoint => {
    const info: EndpointInfo = { addr: { ip, port: 80 }, weight, priority, labels: {}, tls: null, h2: false, opaque: false, transportPort: 0 };
    return new Endpoint(info, {
      pool: { clock, idleMs: 0, maxConnections: 1, retryDelayMs: 100, reuse: null, connect: () => ({ cancel() {} }), http1: () => { throw new Error('unused'); }, http2: () => { throw new Error('unused'); } },
      settings: merged, layers: () => (next) => next, random, mayEject: () => true, onUp() {}, onDown() {}, onEject() {},
    });
  };
  const endpoints = infos.map(make);
  const tiers = new Tiers(endpoints, merged.slowStartMs, clock, random);
  return {
    clock, tiers, of: (ip) => endpoints.find((e) => e.info.addr.ip === ip)!,
    shares: (n, use = () => {}) => {
      const out: Record<string, number> = Object.fromEntries(infos.map((i) => [i.ip, 0]));
      for (let i = 0; i < n; i++) {
        const e = tiers.pick(null, -1)!;
        out[e.info.addr.ip]! += 1 / n;
        use(e);
      }
      return out;
    },
  };
}

const near = (actual: number, expected: number, by = 0.03): void => assert.ok(Math.abs(actual - expected) < by, `${actual} is not near ${expected}`);

describe('the draw', () => {
  it('shares by weight among equals, one request at a time or many', () => {
    const infos = [{ ip: 'a', weight: 1 }, { ip: 'b', weight: 2 }, { ip: 'c', weight: 5 }];
    const one = setup(infos).shares(20_000);
    const many = setup(infos).shares(4_000, (e) => { e.pending++; });
    for (const [ip, weight] of [['a', 1], ['b', 2], ['c', 5]] as const) {
      near(one[ip]!, weight / 8);
      near(many[ip]!, weight / 8);
    }
  });

  it('shares evenly without weights', () => {
    for (const share of Object.values(setup([{ ip: 'a' }, { ip: 'b' }, { ip: 'c' }, { ip: 'd' }]).shares(20_000))) near(share, 0.25);
  });

  it('leaves the slower of two alone as long as it is slower', () => {
    const t = setup([{ ip: 'slow' }, { ip: 'fast' }]);
    t.of('slow').observe(200, t.clock.now());
    t.of('fast').observe(2, t.clock.now());
    t.of('fast').observe(2, t.clock.now());
    assert.equal(t.shares(1000)['slow'], 0);
  });

  it('is no magnet to an endpoint that fails fast', () => {
    const t = setup([{ ip: 'failing' }, { ip: 'good' }]);
    let good = 0;
    for (let i = 0; i < 1000; i++) {
      t.clock.advance(10);
      const e = t.tiers.pick(null, -1)!;
      const now = t.clock.now();
      if (e.info.addr.ip === 'good') {
        good++;
        e.observe(20, now);
        e.succeeded(now, false);
      } else {
        e.observeAtLeast(1, now);
        e.unsuccessful(now, false, -1);
      }
    }
    assert.ok(good > 950, String(good));
  });

  it('counts failures by their share, at any rate', () => {
    for (const pauseMs of [0.1, 1, 20, 200]) {
      const penalty = new Penalty({ ...DEFAULTS.load, penaltyMs: 1000, penaltyDecayMs: 10_000 });
      let now = 0;
      let sum = 0;
      for (let i = 0; i < 20_000; i++) {
        now += pauseMs;
        if (i % 10 === 0) penalty.failed(now);
        else penalty.succeeded(now);
        if (i >= 10_000) sum += penalty.value(now) / 10_000;
      }
      near(sum, 100, 10);
    }
  });

  it('takes an endpoint that asks for less at its word, where that is configured', () => {
    const t = setup([{ ip: 'busy' }, { ip: 'free' }], { load: { ...DEFAULTS.load, maxRetryAfterMs: 5000 } });
    t.of('busy').slowedDown(t.clock.now(), 60_000);
    assert.equal(t.shares(1000)['busy'], 0);
    assert.ok(t.of('busy').load(t.clock.now()) < 5_100, 'bounded');
    const off = setup([{ ip: 'busy' }, { ip: 'free' }]);
    off.of('busy').slowedDown(off.clock.now(), 60_000);
    near(off.shares(2000)['busy']!, 0.5, 0.06);
  });

  it('gives a new endpoint its share little by little', () => {
    const t = setup([{ ip: 'a' }, { ip: 'b' }], { slowStartMs: 10_000 });
    const [a, b] = [t.of('a'), t.of('b')];
    assert.deepEqual([a.weightAt(1_000), a.weightAt(6_000), a.weightAt(11_000)], [0.1, 0.5, 1]);
    t.clock.advance(10_000);
    const late = setup([{ ip: 'c' }], { slowStartMs: 10_000 }).of('c');
    Object.assign(late, { addedAt: t.clock.now() });
    const tiers = new Tiers([a, b, late], 10_000, t.clock, seeded(7));
    const share = (): number => {
      let n = 0;
      for (let i = 0; i < 5000; i++) if (tiers.pick(null, -1) === late) n++;
      return n / 5000;
    };
    near(share(), 0.1 / 2.1);
    t.clock.advance(5_000);
    near(share(), 0.5 / 2.5);
    t.clock.advance(5_000);
    near(share(), 1 / 3);
  });
});

describe('priorities', () => {
  it('use the next only while none before it is available, and go back', () => {
    const t = setup([{ ip: 'a' }, { ip: 'b' }, { ip: 'far', priority: 1 }, { ip: 'farther', priority: 2 }]);
    assert.equal(t.shares(200)['far'], 0);
    t.of('a').failed();
    near(t.shares(200)['b']!, 1, 1e-6);
    t.of('b').failed();
    near(t.shares(200)['far']!, 1, 1e-6);
    t.of('far').failed();
    near(t.shares(200)['farther']!, 1, 1e-6);
    t.clock.advance(100);
    assert.equal(t.shares(200)['farther'], 0);
  });

  it('use one that was tried only when there is no other', () => {
    const t = setup([{ ip: 'a' }, { ip: 'far', priority: 1 }]);
    assert.equal(t.tiers.pick([t.of('a')], -1), t.of('far'));
    assert.equal(t.tiers.pick([t.of('a'), t.of('far')], -1), t.of('a'));
    for (const e of [t.of('a'), t.of('far')]) e.failed();
    assert.equal(t.tiers.pick([t.of('a')], -1), null);
  });
});

describe('affinity', () => {
  const keys = Array.from({ length: 400 }, (_, i) => hashText(`key ${i}`));
  const owners = (t: Setup): string[] => keys.map((k) => t.tiers.pick(null, k)!.info.addr.ip);

  it('moves only the keys of an endpoint that comes or goes', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.ipV4(), { minLength: 2, maxLength: 20 }), (ips) => {
      const all = owners(setup(ips.map((ip) => ({ ip }))));
      const fewer = owners(setup(ips.slice(1).map((ip) => ({ ip }))));
      for (const [i, owner] of all.entries()) if (owner !== ips[0]) assert.equal(fewer[i], owner);
    }), { numRuns: 30 });
  });

  it('has one order with and without weights', () => {
    const n = fc.nat({ max: 2 ** 32 - 1 });
    fc.assert(fc.property(n, n, n, (key, a, b) => {
      assert.equal(affinityOf(key, a) > affinityOf(key, b), weightedAffinity(key, a, 2) > weightedAffinity(key, b, 2));
    }));
  });

  it('spreads keys by weight', () => {
    const t = setup([{ ip: 'a' }, { ip: 'b' }, { ip: 'c', weight: 2 }]);
    const got = owners(t);
    for (const [ip, share] of [['a', 0.25], ['b', 0.25], ['c', 0.5]] as const) near(got.filter((o) => o === ip).length / got.length, share, 0.08);
  });

  it('goes elsewhere while the owner of a key is away, and back', () => {
    const t = setup([{ ip: 'a' }, { ip: 'b' }, { ip: 'c' }]);
    const before = owners(t);
    t.of('a').failed();
    const during = owners(t);
    for (const [i, owner] of before.entries()) assert.ok(owner === 'a' ? during[i] !== 'a' : during[i] === owner);
    t.clock.advance(100);
    assert.deepEqual(owners(t), before);
  });
});
