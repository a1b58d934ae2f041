import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Histogram, LATENCY_BUCKETS_MS, Registry } from './registry.ts';

describe('metrics registry', () => {
  it('exposes the text format', () => {
    const r = new Registry();
    r.counter('a_total', 'Help.').with({ x: '1', y: 'q"\\\n' }).value += 2;
    r.gauge('b', 'Gauge.').with({}).value = -1.5;
    r.counter('unused_total', 'Not there.');
    const h = r.histogram('c_ms', 'Histogram.', [1, 10]).with({ z: 'k' });
    for (const v of [0.5, 1, 5, 50]) h.observe(v);
    assert.equal(r.expose(), `# HELP a_total Help.
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

  it('puts every value into the first bucket that holds it', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (values) => {
      const h = new Histogram(LATENCY_BUCKETS_MS);
      for (const v of values) h.observe(v);
      const expected = [...LATENCY_BUCKETS_MS, Infinity].map((b, i, all) => values.filter((v) => v <= b && (i === 0 || v > all[i - 1]!)).length);
      assert.deepEqual([...h.counts], expected);
    }));
  });
});
