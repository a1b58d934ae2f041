import assert from 'node:assert/strict';
import v8 from 'node:v8';
import vm from 'node:vm';
import fc from 'fast-check';
import { Memo } from './memo.ts';
import { Histogram, IDLE_SWEEPS, LATENCY_BUCKETS_MS, Registry, type Counter } from './registry.ts';

const own = (r: Registry): string => r.expose().split('\n').filter((l) => !l.includes('proxy_metric_')).join('\n');
const sweep = (r: Registry, times: number): void => { for (let i = 0; i < times; i++) r.sweep(); };

async function collectGarbage(): Promise<void> {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc') as () => void;
  // A reference that was looked at holds its object until the end of the turn.
  for (let i = 0; i < 3; i++) {
    await new Promise((r) => { setImmediate(r); });
    gc();
  }
}

describe('metrics registry', () => {
  it('exposes the text format', () => {
    const r = new Registry();
    r.counter('a_total', 'Help.').with({ x: '1', y: 'q"\\\n' }).value += 2;
    r.gauge('b', 'Gauge.').with({}).value = -1.5;
    r.counter('unused_total', 'Not there.');
    const h = r.histogram('c_ms', 'Histogram.', [1, 10]).with({ z: 'k' });
    for (const v of [0.5, 1, 5, 50]) h.observe(v);
    assert.equal(own(r), `# HELP a_total Help.
# TYPE a_total counter
a_total{x="1",y="q\\"\\\\\\n"} 2
# HELP b Gauge.
# TYPE b gauge
b -1.5
# HELP c_ms Histogram.
# TYPE c_ms histogram
c_ms_bucket{z="k",le="1"} 2
c_ms_bucket{z="k",le="10"} 3
c_ms_bucket{z="k",le="+Inf"} 4
c_ms_sum{z="k"} 56.5
c_ms_count{z="k"} 4
`);
  });

  it('gives the same handle for the same labels', () => {
    const f = new Registry().counter('a', 'A.');
    assert.equal(f.with({ x: '1' }), f.with({ x: '1' }));
    assert.notEqual(f.with({ x: '1' }), f.with({ x: '2' }));
    const old = f.with({ x: '1' });
    f.remove({ x: '1' });
    assert.notEqual(f.with({ x: '1' }), old);
  });

  it('leaves out a series without an event for ten sweeps, and has it back with the next one', () => {
    const r = new Registry();
    const f = r.counter('a_total', 'A.');
    const idle = f.with({ x: 'idle' });
    const busy = f.with({ x: 'busy' });
    f.permanent({ x: 'always' });
    const h = r.histogram('h', 'H.', [1]).with({ x: 'zeros' });
    idle.value = 5;
    for (let i = 0; i <= IDLE_SWEEPS; i++) {
      busy.value++;
      h.observe(0);
      r.sweep();
    }
    assert.doesNotMatch(r.expose(), /idle/);
    for (const name of ['busy', 'always', 'zeros']) assert.ok(r.expose().includes(name), name);
    idle.value++;
    assert.match(r.expose(), /a_total\{x="idle"\} 6/);
    sweep(r, IDLE_SWEEPS + 1);
    assert.equal(f.with({ x: 'idle' }), idle, 'asked for again while somebody holds it');
    assert.match(r.expose(), /idle/);
  });

  it('keeps a gauge while it is held, and frees what nobody holds', async () => {
    const r = new Registry();
    const gauge = r.gauge('g', 'G.');
    const held = gauge.with({ x: 'held' });
    held.value = 3;
    gauge.with({ x: 'dropped' }).value = 4;
    let counters: Counter[] = [r.counter('c_total', 'C.').with({ x: 'gone' })];
    sweep(r, IDLE_SWEEPS + 1);
    counters = [];
    await collectGarbage();
    assert.match(r.expose(), /g\{x="held"\} 3/);
    assert.doesNotMatch(r.expose(), /dropped|gone/);
    assert.match(r.expose(), /proxy_metric_series 3/);
    assert.equal(counters.length + held.value, 3);
  });

  it('counts label sets beyond its bound together', () => {
    const r = new Registry(12);
    const f = r.counter('c_total', 'C.');
    for (let i = 0; i < 100; i++) f.with({ direction: 'inbound', x: String(i) }).value++;
    r.histogram('h', 'H.', [1]).with({ x: '1' }).observe(1);
    r.gauge('g', 'G.').with({ x: '1' }).value = 7;
    assert.match(r.expose(), /c_total\{direction="inbound",folded="true"\} 90/);
    assert.match(r.expose(), /h_count\{folded="true"\} 1/);
    assert.match(r.expose(), /proxy_metric_folded_total 92/);
    assert.doesNotMatch(r.expose(), /^g\{/m);
    const names = r.expose().split('\n').filter((l) => l.startsWith('c_total'));
    assert.equal(names.length, 11);
    sweep(r, IDLE_SWEEPS + 1);
    f.remove({ direction: 'inbound', x: '0' });
    f.remove({ direction: 'inbound', x: '1' });
    f.remove({ direction: 'inbound', x: '2' });
    f.with({ direction: 'inbound', x: 'new' }).value++;
    assert.match(r.expose(), /c_total\{direction="inbound",x="new"\} 1/);
  });

  it('puts every value into the first bucket that holds it', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (values) => {
      const h = new Histogram(LATENCY_BUCKETS_MS);
      for (const v of values) h.observe(v);
      const expected = [...LATENCY_BUCKETS_MS, Infinity].map((b, i, all) => values.filter((v) => v <= b && (i === 0 || v > all[i - 1]!)).length);
      assert.deepEqual([...h.counts], expected);
    }));
  });
});

describe('memo', () => {
  it('keeps what is used and lets go of the rest', () => {
    const registry = { epoch: 0 };
    const m = new Memo<number>(registry, 2);
    m.set('a', 1);
    m.set('b', 2);
    assert.equal(m.full, true);
    registry.epoch = 1;
    assert.equal(m.get('a'), 1);
    registry.epoch = 2;
    assert.deepEqual([m.get('a'), m.get('b'), m.full], [1, undefined, false]);
    registry.epoch = 9;
    assert.equal(m.get('a'), undefined);
  });
});
