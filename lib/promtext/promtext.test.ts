import assert from 'node:assert/strict';
import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';
import * as fc from 'fast-check';
import { parseLabels } from './labels.ts';
import { type Line, PromTextError, scan } from './scan.ts';

interface Sample { name: string; labels: Record<string, string>; value: number; timestamp?: number | undefined }

function parse(text: string): Sample[] {
  const out: Sample[] = [];
  scan(text, () => true, (line: Line) => {
    assert.ok(line.series.startsWith(line.name));
    out.push({ name: line.name, labels: parseLabels(line.labels, line.number), value: line.value, timestamp: line.timestamp });
  });
  return out;
}

const one = (name: string, labels: Record<string, string>, value: number, timestamp?: number): Sample[] => [{ name, labels, value, timestamp }];
const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
const labelName = name.filter((n) => n !== 'le' && n !== '__proto__');
const labels = fc.uniqueArray(labelName, { maxLength: 4 }).chain((names) => fc.tuple(...names.map((n) => fc.tuple(fc.constant(n), fc.string({ unit: 'grapheme' })))).map((pairs) => Object.fromEntries(pairs)));
const value = fc.double({ noNaN: true });

describe('prometheus text', () => {
  it('reads what the Prometheus client library writes', async () => {
    await fc.assert(fc.asyncProperty(fc.uniqueArray(name, { minLength: 3, maxLength: 3 }), labels, value, fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 5 }), async (names, set, level, observed) => {
      const registry = new Registry();
      const labelNames = Object.keys(set);
      const [c, g, h] = names.map((n, i) => `m${i}_${n}`);
      new Counter({ name: c!, help: 'a \\ help\nof lines', labelNames, registers: [registry] }).inc(set, 7);
      new Gauge({ name: g!, help: 'x', labelNames, registers: [registry] }).set(set, level);
      const histogram = new Histogram({ name: h!, help: 'x', labelNames, buckets: [1, 5, 10], registers: [registry] });
      for (const v of observed) histogram.observe(set, v);
      const samples = parse(await registry.metrics());
      const find = (n: string, le?: string): number | undefined => samples.find((s) => s.name === n && s.labels['le'] === le)?.value;
      assert.deepEqual(samples.filter((s) => s.name === c), one(c!, set, 7));
      assert.deepEqual(samples.filter((s) => s.name === g), one(g!, set, Object.is(level, -0) ? 0 : level));
      if (observed.length === 0) return;
      for (const le of [1, 5, 10]) assert.equal(find(`${h}_bucket`, String(le)), observed.filter((v) => v <= le).length);
      assert.equal(find(`${h}_bucket`, '+Inf'), observed.length);
      assert.equal(find(`${h}_count`), observed.length);
    }), { numRuns: 60 });
  });

  it('never throws anything but its own error, and never hangs', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...Array.from('a_{}="\\, \t\n#TYPE1.eE+-Inf')), maxLength: 60 }));
    fc.assert(fc.property(text, (t) => {
      try {
        parse(t);
      } catch (error) {
        assert.ok(error instanceof PromTextError, String(error));
      }
    }), { numRuns: 3000 });
  });

  it('reads the loose forms that the format allows', () => {
    assert.deepEqual(parse('a 1\n'), one('a', {}, 1));
    assert.deepEqual(parse(' \ta\t{ b = "c" , } \t 1e3  -5 \n\n#\n# anything\n'), one('a', { b: 'c' }, 1000, -5));
    assert.deepEqual(parse('a{} NaN\n'), one('a', {}, NaN));
    assert.deepEqual(parse('a{b="} {\\"\\\\\\n#"} +Inf\n'), one('a', { b: '} {"\\\n#' }, Infinity));
    assert.deepEqual(parse('a:b{__proto__="x"} .5\n'), [{ name: 'a:b', labels: JSON.parse('{"__proto__":"x"}') as Record<string, string>, value: 0.5, timestamp: undefined }]);
    assert.deepEqual(parse(''), []);
  });

  it('refuses what is malformed, naming the line', () => {
    const bad = [
      'a', 'a 1', 'a \n', '1a 1\n', 'a{b="c" 1\n', 'a{b=c} 1\n', 'a{b="c"x="d"} 1\n', 'a{b="c",b="d"} 1\n', 'a{b="\\t"} 1\n', 'a{,} 1\n', 'a 1 2 3\n', 'a 1 1.5\n',
      'a 0x1\n', 'a 1_0\n', 'a inf\n', 'a{b="c"}\n', '# TYPE a rocket\n', '# TYPE a counter\n# TYPE a counter\n', 'a-b 1\n', '{b="c"} 1\n',
    ];
    for (const text of bad) assert.throws(() => parse(`ok 1\n${text}`), (e) => e instanceof PromTextError && e.line >= 2, text);
  });

  it('skips metrics that nobody wants without looking at their labels', () => {
    const seen: string[] = [];
    scan('a{broken 1\nb{x="1"} 2\n', (n) => n === 'b', (l) => seen.push(l.series));
    assert.deepEqual(seen, ['b{x="1"}']);
  });
});
