import assert from 'node:assert/strict';
import { caseNamed } from './cases.ts';
import { allocationTree, bundlePlaces, topFunctions, tree, type CpuProfile } from './v8-profile.ts';
import { flameGraph } from './flame.ts';
import { bulkTable, greetingTable, latencyTable, median, memoryTable, speedTable } from './report.ts';
import type { Sample } from './speed.ts';

const sample = (o: Partial<Sample>): Sample => ({ requests: 100_000, perSecond: 1000, p50: 1, p99: NaN, errors: 0, bytes: 0, seconds: 2, cpu: 1, kernel: 0.5, pause: NaN, gcShare: NaN, ...o });
const cells = (line: string): string[] => line.split('|').slice(1, -1).map((c) => c.trim());

describe('bench: tables', () => {
  it('show medians, ratios to the baseline, and dashes for what a subject cannot do', () => {
    assert.equal(median([3, NaN, 1, 2, 10]), 2.5);
    const c = caseNamed('h1-32');
    const lines = speedTable([
      { subject: 'haproxy', case: c, samples: [sample({ cpu: 1 }), sample({ cpu: 9 }), sample({ cpu: 2, errors: 3 })] },
      { subject: 'mesh', case: c, samples: [sample({ cpu: 3, kernel: 2.25, pause: 4, gcShare: 0.1 })] },
      { subject: 'nginx', case: c, samples: [] },
    ], 'haproxy').split('\n').slice(2).map(cells);
    assert.deepEqual(lines, [
      ['h1-32', 'haproxy', '1000', '1.00', '-', '2.000', '1.00', '25', '-', '-', '3'],
      ['h1-32', 'mesh', '1000', '1.00', '-', '3.000', '1.50', '75', '10', '4.0', '0'],
      ['h1-32', 'nginx', '-', '-', '-', '-', '-', '-', '-', '-', '-'],
    ]);
  });

  it('compare transfers with openssl', () => {
    const c = caseNamed('tcp-down');
    const lines = bulkTable([
      { subject: 'mesh', case: c, samples: [sample({ bytes: 1e9, cpu: 2 })] }, { subject: 'openssl', case: c, samples: [sample({ bytes: 2e9, cpu: 2 })] },
      { subject: 'mesh', case: caseNamed('h1-32'), samples: [sample({})] },
    ], 'openssl').split('\n').slice(2).map(cells);
    assert.deepEqual(lines, [['', 'openssl', '1000', '1000', '1.00', '-', '-'], ['tcp-down', 'mesh', '500', '500', '0.50', '-', '-']]);
  });

  it('show what is added to the latency without a proxy', () => {
    const at = (p50: number): { perSecond: number; p50: number; p99: number; p999: number; max: number; errors: number; pause: number } =>
      ({ perSecond: 1, p50, p99: 1, p999: 2, max: 3, errors: 0, pause: NaN });
    const text = latencyTable([{ subject: 'no proxy', rate: 1000, samples: [at(0.2)] }, { subject: 'mesh', rate: 1000, samples: [at(0.3), at(0.5)] }]);
    assert.deepEqual(text.split('\n').slice(2).map((l) => cells(l)[2]), ['0.200', '0.400 (+0.200)']);
  });

  it('show what is added to the wait for a greeting', () => {
    const text = greetingTable([{ subject: 'no proxy', first: 1, times: [0.2, 0.1] }, { subject: 'mesh', first: 6, times: [0.5, 0.3, 0.4] }]);
    assert.deepEqual(cells(text.split('\n')[3]!), ['mesh', '6.000 (+5.000)', '0.400 (+0.300)', '0.500 (+0.300)']);
  });

  it('show memory', () => {
    const text = memoryTable([{ name: 'mesh', idle: 1, peaks: { 'h1-128': 2 }, after: NaN, perConnectionKb: 9.96 }], 60);
    assert.deepEqual(cells(text.split('\n')[2]!), ['mesh', '1.0', '2.0', '-', '10.0']);
  });
});

describe('bench: profiles', () => {
  const node = (id: number, functionName: string, url: string, children: number[]): CpuProfile['nodes'][number] => ({ id, callFrame: { functionName, url, lineNumber: 6 }, children });
  const places = bundlePlaces('import a\n// proxy/io/wire.ts\n\n\nx\n\nfunction outer() {}\n// proxy/main.ts\n');
  const profile: CpuProfile = {
    nodes: [node(1, '(root)', '', [2, 3]), node(2, '(idle)', '', []), node(3, 'outer', 'file:///x/proxy.mjs', [4, 5]), node(4, '', 'node:net', []), node(5, 'outer', 'file:///x/proxy.mjs', [])],
    samples: [2, 3, 4, 4, 5], timeDeltas: [1000, 10, 20, 30, 40],
  };

  it('give each function its share, idle time left out and recursion counted once', () => {
    const root = tree(profile, places);
    assert.equal(root.total, 100);
    assert.deepEqual(topFunctions(root, 9), [{ name: 'outer proxy/io/wire.ts+5', self: 0.5, total: 1 }, { name: '(anonymous) node:net:7', self: 0.5, total: 0.5 }]);
    assert.equal(topFunctions(root, 1).length, 1);
    assert.equal(places(1), 'bundle:1');
  });

  it('of allocations give the same tree', () => {
    const callFrame = { functionName: 'f', url: '', lineNumber: 0 };
    const root = allocationTree({ head: { callFrame, selfSize: 1, children: [{ callFrame, selfSize: 2, children: [] }] } }, places);
    assert.deepEqual(root, { name: 'f', self: 1, total: 3, children: [{ name: 'f', self: 2, total: 2, children: [] }] });
  });

  it('become a flame graph', () => {
    const svg = flameGraph(tree(profile, places), 'a < b');
    assert.match(svg, /^<svg [^>]+>\n<text[^>]+>a &lt; b<\/text>/);
    assert.equal([...svg.matchAll(/<rect /g)].length, 4);
    assert.match(svg, /<title>\(anonymous\) node:net:7: 50\.00 %, by itself 50\.00 %<\/title><rect x="0\.0"[^>]+ width="700\.0"/);
  });
});
