import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Canary, CanarySpec, CanaryStatus } from '../../api/crds/canary.ts';
import type { Workload } from '../../lib/kube/types.ts';
import type { Figures } from './judge.ts';
import { plan, type Observed } from './plan.ts';

const T0 = Date.UTC(2026, 0, 1);
const GOOD: Figures = { requestsPerSecond: 10, requests: 600, successRate: 100, latencyP99Ms: 20 };
const BAD: Figures = { ...GOOD, successRate: 90 };

function deployment(image: string, available = 2): Workload {
  return {
    metadata: { name: 'web', generation: 1 },
    spec: { replicas: 2, template: { spec: { containers: [{ name: 'web', image }] } } },
    status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: available },
  };
}

const observed = (more: Partial<Observed> = {}): Observed => ({ target: deployment('web:1'), fresh: deployment('web:2'), route: true, obstacle: null, figures: GOOD, ...more });

const SPEC: CanarySpec = {
  target: { name: 'web' }, service: { name: 'web', port: 80 }, images: [{ container: 'web', image: 'web:2' }], steps: [{ weight: 10 }, { weight: 50 }],
  interval: '1m', thresholds: { successRate: 99, latencyP99: '500ms', minRequests: 10, maxFailures: 1 }, startTimeout: '5m',
};

/** One canary that is led by hand. */
class Led {
  canary: Canary;
  now = T0;
  events: string[] = [];
  wish = '';

  constructor(spec: Partial<CanarySpec> = {}) {
    this.canary = { metadata: { name: 'web', namespace: 'shop', uid: 'u', generation: 1 }, spec: { ...SPEC, ...spec } };
  }

  change(spec: Partial<CanarySpec>): this {
    this.canary = { ...this.canary, metadata: { ...this.canary.metadata, generation: this.canary.metadata.generation! + 1 }, spec: { ...this.canary.spec, ...spec } };
    return this;
  }

  turn(seen: Partial<Observed> = {}, seconds = 0): CanaryStatus {
    this.now += seconds * 1000;
    const { status, wish, event } = plan(this.canary, observed(seen), this.now);
    this.canary = { ...this.canary, status };
    this.wish = wish.kind === 'nothing' ? 'nothing' : `${wish.kind} ${wish.weight}`;
    if (event) this.events.push(event.reason);
    return status;
  }
}

describe('a canary', () => {
  it('starts, takes its steps, is promoted and clears up', () => {
    const led = new Led();
    assert.deepEqual([led.turn({ fresh: undefined, route: false }).phase, led.wish], ['Starting', 'trial 0']);
    assert.equal(led.turn({ fresh: deployment('web:2', 1) }, 10).phase, 'Starting');
    assert.deepEqual([led.turn({}, 10).phase, led.wish], ['Progressing', 'trial 10']);
    led.turn({}, 30);
    assert.equal(led.wish, 'trial 10');
    led.turn({}, 30);
    assert.equal(led.wish, 'trial 50');
    assert.deepEqual([led.turn({}, 60).phase, led.wish], ['Promoting', 'promote 50']);
    assert.equal(led.turn({ target: deployment('web:2', 1) }, 5).phase, 'Promoting');
    assert.deepEqual([led.turn({ target: deployment('web:2') }, 5).phase, led.wish], ['Succeeded', 'nothing']);
    led.turn({ target: deployment('web:2') }, 1000);
    assert.deepEqual(led.events, ['Starting', 'Progressing', 'Step', 'Promoting', 'Succeeded']);
  });

  it('is rolled back after more bad intervals in a row than are allowed', () => {
    const led = new Led();
    led.turn();
    led.turn({ figures: BAD }, 60);
    assert.match(led.canary.status!.message, /^success rate 90\.00 % is below 99 % \(1 of at most 1 bad intervals\)$/);
    led.turn({}, 60);
    assert.equal(led.canary.status!.failures, 0);
    led.turn({ figures: BAD }, 60);
    assert.deepEqual([led.turn({ figures: BAD }, 60).phase, led.wish], ['RollingBack', 'nothing']);
    assert.equal(led.turn({ figures: BAD }, 2).phase, 'RollingBack');
    assert.equal(led.turn({ fresh: undefined, route: false }, 2).phase, 'Failed');
    assert.equal(led.canary.status!.message, 'success rate 90.00 % is below 99 %');
  });

  it('is judged by its latency too', () => {
    const led = new Led({ thresholds: { latencyP99: '500ms', minRequests: 10, maxFailures: 0 } });
    led.turn();
    assert.equal(led.turn({ figures: { ...GOOD, latencyP99Ms: 501 } }, 60).message, 'the 99th percentile of latency, 501 ms, is above 500ms');
  });

  it('neither goes on nor back for want of figures', () => {
    const led = new Led();
    led.turn();
    assert.match(led.turn({ figures: { ...GOOD, requests: 9 } }, 60).message, /^9 requests are too few to judge by/);
    assert.match(led.turn({ figures: null }, 60).message, /cannot be had/);
    assert.deepEqual([led.canary.status!.phase, led.wish], ['Progressing', 'trial 10']);
  });

  it('pauses and resumes where it was', () => {
    const led = new Led();
    led.turn();
    assert.deepEqual([led.change({ paused: true }).turn({}, 61).phase, led.wish], ['Paused', 'trial 10']);
    led.turn({ figures: BAD }, 600);
    assert.deepEqual([led.change({ paused: false }).turn({}, 60).phase, led.wish], ['Progressing', 'trial 10']);
    led.turn({}, 60);
    assert.equal(led.wish, 'trial 50');
  });

  it('is promoted or rolled back when somebody decides so', () => {
    for (const [decision, phase] of [['Promote', 'Promoting'], ['Rollback', 'RollingBack']] as const) {
      const led = new Led();
      led.turn();
      assert.equal(led.change({ decision }).turn({}, 1).phase, phase);
    }
  });

  it('without steps goes on until somebody decides', () => {
    const led = new Led({ steps: [], headers: [{ name: 'x-canary', value: 'yes' }] });
    led.turn();
    assert.deepEqual([led.turn({}, 60).phase, led.wish], ['Waiting', 'trial 0']);
    led.turn({}, 600);
    assert.equal(led.change({ decision: 'Promote' }).turn({}, 1).phase, 'Promoting');
  });

  for (const [what, seen, message] of [
    ['something is in the way', { obstacle: 'there is no Service web' }, /there is no Service web/],
    ['the target is missing', { target: undefined }, /there is no Deployment web/],
    ['the mesh refuses the route', { route: 'no such backend' }, /does not take the route: no such backend/],
  ] as const) {
    it(`is rolled back when ${what}`, () => {
      const led = new Led();
      const status = led.turn(seen);
      assert.equal(status.phase, 'RollingBack');
      assert.match(status.message, message);
    });
  }

  it('is rolled back when the new version does not start in time', () => {
    const led = new Led();
    led.turn({ fresh: deployment('web:2', 0) });
    assert.equal(led.turn({ fresh: deployment('web:2', 0) }, 299).phase, 'Starting');
    assert.equal(led.turn({ fresh: deployment('web:2', 0) }, 2).message, 'the new version was not available within 5m');
  });

  it('begins anew when something else is wanted after its end', () => {
    const led = new Led();
    led.turn({ target: undefined });
    assert.equal(led.turn({ fresh: undefined }).phase, 'Failed');
    assert.equal(led.turn({ fresh: undefined }).phase, 'Failed');
    assert.equal(led.change({ images: [{ container: 'web', image: 'web:3' }] }).turn({ fresh: undefined }).phase, 'Starting');
  });

  it('gives the new version no traffic outside of its trial, whatever happens', () => {
    const event = fc.record({
      seconds: fc.integer({ min: 0, max: 200 }), bad: fc.boolean(), fresh: fc.boolean(), route: fc.constantFrom<boolean | string>(true, true, false, 'no'),
      obstacle: fc.constantFrom(null, null, null, 'x'), promoted: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const led = new Led();
      for (const e of events) {
        const { phase, weight } = led.turn({
          figures: e.bad ? BAD : GOOD, route: e.route, obstacle: e.obstacle, ...(e.fresh ? {} : { fresh: undefined }), target: deployment(e.promoted ? 'web:2' : 'web:1'),
        }, e.seconds);
        assert.ok(weight === 0 || ['Progressing', 'Promoting'].includes(phase), `${weight} % while ${phase}`);
        assert.equal(led.wish === 'nothing', ['RollingBack', 'Succeeded', 'Failed'].includes(phase));
        assert.ok([0, 10, 50].includes(weight));
      }
    }));
  });
});
