import assert from 'node:assert/strict';
import { parseH2load, parseWrk } from './load.ts';
import { parseOptions } from './options.ts';
import { parseAnonymous } from './process-stats.ts';
import { median, memoryTable, speedTable } from './report.ts';

const WRK = `Running 3s test @ http://10.96.0.10:80/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   570.68us    1.43ms  29.59ms   97.68%
    Req/Sec    75.35k     5.18k   82.00k    73.33%
  Latency Distribution
     50%  420.00us
     75%  480.00us
     90%  700.00us
     99%    3.20ms
  224891 requests in 3.00s, 46.76MB read
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 3
Requests/sec:  74913.47
Transfer/sec:     15.58MB
`;

const H2LOAD = `finished in 3.00s, 85000.33 req/s, 9.10MB/s
requests: 255001 total, 255129 started, 255001 done, 254999 succeeded, 1 failed, 1 errored, 0 timeout
status codes: 254990 2xx, 0 3xx, 5 4xx, 4 5xx
traffic: 27.30MB (28626112) total, 9.97MB (10455041) headers (space savings 80.70%), 16.78MB (17595069) data
                     min         max         mean         sd        +/- sd
time for request:      101us     10.10ms      1.50ms       304us    82.03%
time for connect:      150us       310us       200us        50us    50.00%
`;

describe('bench', () => {
  it('reads what wrk says', () => {
    assert.deepEqual(parseWrk(WRK), { requests: 224891, perSecond: 74913.47, p50: 0.42, p99: 3.2, errors: 6 });
    assert.throws(() => parseWrk('unable to connect'), /something unknown/);
  });

  it('reads what h2load says', () => {
    assert.deepEqual(parseH2load(H2LOAD), { requests: 254999, perSecond: 85000.33, p50: 1.5, p99: NaN, errors: 11 });
    assert.throws(() => parseH2load(''), /something unknown/);
  });

  it('reads anonymous memory', () => {
    assert.equal(parseAnonymous('Rss:      100 kB\nAnonymous:           15625 kB\nLazyFree: 0 kB\n'), 16);
  });

  it('shows medians and ratios to the baseline', () => {
    const sample = (cpu: number): { requests: number; perSecond: number; p50: number; p99: number; errors: number; cpu: number } =>
      ({ requests: 1, perSecond: 1000, p50: 1, p99: NaN, errors: 0, cpu });
    const rows = [{ subject: 'haproxy', case: 'h1-32', samples: [sample(1), sample(9), sample(2)] }, { subject: 'mesh', case: 'h1-32', samples: [sample(3)] }];
    assert.equal(median([3, NaN, 1, 2, 10]), 2.5);
    const lines = speedTable(rows, 'haproxy').split('\n');
    assert.match(lines[2]!, /^haproxy\s+h1-32\s+1000\s+1\.00\s+-\s+2\.000\s+1\.00x\s+0$/);
    assert.match(lines[3]!, /3\.000\s+1\.50x/);
    assert.match(memoryTable([{ name: 'mesh', idle: 1, peaks: { 'h1-32': 2 }, highest: 3, after: NaN }], 60), /peak h1-32[^]*mesh\s+1\.0\s+2\.0\s+3\.0\s+-$/);
  });

  it('takes only cases and subjects that exist', async () => {
    const o = await parseOptions(['--cases', 'h1-1,h2-4x32', '--rounds', '2']);
    assert.deepEqual(o.cases.map((c) => c.name), ['h1-1', 'h2-4x32']);
    assert.equal(o.rounds, 2);
  });
});
