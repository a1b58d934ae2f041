import assert from 'node:assert/strict';
import { parseSoakOptions } from './options.ts';
import { faults, metric, soakTable, trafficTable, verdict, type Look, type Soak } from './verdict.ts';

const look = (o: Partial<Look>): Look => ({ anonymousMb: 20, fds: 30, resources: { TCPSocketWrap: 4, Timeout: 2 }, openConnections: 0, certificates: 5, rejected: 0, defects: 0, ...o });
const soak = (mb: (i: number) => number, after: Partial<Look> = {}, failed: Record<string, number> = {}): Soak => ({
  before: { client: look({}) }, after: { client: look(after) }, churns: 9, progress: { done: { h1: 100, tcp: 5 }, failed, messages: failed['h1'] === undefined ? [] : ['h1: reset'] },
  moments: Array.from({ length: 40 }, (_, i) => ({ at: i * 10, done: i, failed: 0, looks: { client: look({ anonymousMb: mb(i) }) } })),
});

describe('bench: soak', () => {
  it('is content with memory that breathes and nothing left', () => {
    const s = soak((i) => 25 + (i % 5));
    assert.deepEqual(faults(s), []);
    assert.match(verdict(s), /^Verdict: good\. 105 exchanges, 5 certificates, endpoints changed 9 times/);
  });

  it('tells of growth, of what is left, and of failures', () => {
    assert.match(faults(soak((i) => 25 + i)).join(), /client: memory grew from 39\.5 MB to 59\.5 MB/);
    assert.match(faults(soak(() => 25, { fds: 80 })).join(), /80 file descriptors are left, 30/);
    assert.match(faults(soak(() => 25, { resources: { Timeout: 200 } })).join(), /200 resources are left, 6/);
    assert.match(verdict(soak(() => 25, {}, { h1: 2 })), /NOT good.*2 exchanges failed/);
  });

  it('shows before, a choice of moments with the last one, and after', () => {
    const lines = soakTable(soak(() => 25)).split('\n').slice(2);
    assert.ok(lines.length <= 18);
    assert.match(lines[0]!, /^\| before/);
    assert.match(lines.at(-2)!, /^\| 6\.5 min .* 25\.0 /);
    assert.match(lines.at(-1)!, /^\| after +\| +105 /);
    assert.match(trafficTable(soak(() => 1, {}, { h1: 2 }).progress), /\| h1 +\| +100 \| +2 \|[^]*h1: reset$/);
  });

  it('adds up a metric', () => {
    assert.equal(metric('# TYPE a gauge\na{x="1"} 2\na{x="y z"} 3\nab 7\n', 'a'), 5);
    assert.equal(metric('ab 7', 'ab'), 7);
    assert.equal(metric('', 'a'), 0);
  });

  it('takes durations', async () => {
    const o = await parseSoakOptions(['--length', '2m', '--renew', '20s']);
    assert.deepEqual([o.length, o.churn, o.renew], [120, 10, 20]);
    await assert.rejects(parseSoakOptions(['--length', '30']), /--length: "30" is not a duration/);
  });
});
