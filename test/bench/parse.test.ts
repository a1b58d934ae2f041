import assert from 'node:assert/strict';
import { CASES, caseNamed } from './cases.ts';
import { gcPause, parseFortio, parseH2load, parseIperf, parseWrk } from './parse.ts';
import { parseAnonymous, parseStat } from './process-stats.ts';
import { parseOptions } from './options.ts';

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

const FORTIO = JSON.stringify({
  ActualQPS: 999.9, RetCodes: { '200': 7990, '503': 9, '-1': 1 },
  DurationHistogram: { Max: 0.0305, Percentiles: [{ Percentile: 50, Value: 0.00025 }, { Percentile: 99, Value: 0.0012 }, { Percentile: 99.9, Value: 0.0035 }] },
});

describe('bench: output of tools', () => {
  it('reads what wrk says', () => {
    assert.deepEqual(parseWrk(WRK, 10), { requests: 224891, perSecond: 74913.47, p50: 0.42, p99: 3.2, errors: 6, bytes: 2_248_910, seconds: 3 });
    assert.equal(parseWrk(WRK.replace('in 3.00s', 'in 1.50m'), 1).seconds, 90);
    assert.throws(() => parseWrk('unable to connect', 1), /something unknown/);
  });

  it('reads what h2load says', () => {
    assert.deepEqual(parseH2load(H2LOAD, 2), { requests: 254999, perSecond: 85000.33, p50: 1.5, p99: NaN, errors: 11, bytes: 509_998, seconds: 3 });
    assert.throws(() => parseH2load('', 2), /something unknown/);
  });

  it('reads what iperf3 says', () => {
    const result = parseIperf(JSON.stringify({ end: { sum_sent: { bytes: 9 }, sum_received: { bytes: 4_000_000, seconds: 2.5 } } }));
    assert.deepEqual([result.bytes, result.seconds], [4_000_000, 2.5]);
    assert.throws(() => parseIperf(JSON.stringify({ start: {}, error: 'unable to connect to server: Connection refused' })), /Connection refused/);
    assert.throws(() => parseIperf('iperf3: not JSON'), /something unknown/);
  });

  it('reads what fortio says', () => {
    assert.deepEqual(parseFortio(FORTIO), { perSecond: 999.9, p50: 0.25, p99: 1.2, p999: 3.5, max: 30.5, errors: 10 });
    assert.throws(() => parseFortio('{}'), /something unknown/);
  });

  it('reads how long a garbage collection stopped the program, in the words of Node 24 and 26', () => {
    const scavenge = '[24111:0x449a6000]       27 ms: Scavenge 4.9 (6.0) -> 4.5 (7.0) MB, pooled: 0 MB, 1.02 / 0.00 ms  (average mu = 1.000, current mu = 1.000) allocation failure; ';
    const interleaved = '[24111:0x449a6000]      177 ms: Scavenge (interleaved) 43.7 (46.1) -> 41.7 (44.4) MB, pooled: 0 MB, 0.38 / 0.00 ms  (average mu = 0.764) allocation failure; ';
    const major = '[24119:0xd00c000]       86 ms: Mark-Compact 28.4 (52.0) -> 25.2 (58.2) MB, pooled: 0 MB, 8.86 / 0.00 ms  (+ 6.8 ms in 65 steps since start of marking, biggest step 0.2 ms)';
    const newer = '[24140:0xfdcc000]       87 ms: Incremental Mark-Compact 20.6 (29.2) -> 17.4 (27.3) MB, pooled: 0.0 MB, 6.38 / 0.00 ms (+ 3.4 ms in 19 steps)';
    assert.deepEqual([scavenge, interleaved, major, newer].map(gcPause), [1.02, 0.38, 8.86, 6.38]);
    assert.equal(gcPause('{"level":"warn","msg":"-> 1 (2) MB"}'), null);
  });

  it('reads anonymous memory and CPU times', () => {
    assert.equal(parseAnonymous('Rss:      100 kB\nAnonymous:           15625 kB\nLazyFree: 0 kB\n'), 16);
    assert.deepEqual(parseStat('12 (a b) c) S 1 12 12 0 -1 4194304 1 0 0 0 250 75 0 0 20 0'), { user: 2.5, kernel: 0.75 });
  });
});

describe('bench: options', () => {
  it('measures everything without options', async () => {
    const o = await parseOptions([]);
    assert.deepEqual(o.cases, CASES);
    assert.deepEqual([o.rates, o.subjects, o.runtimes, o.policy, o.memory, o.profile], [[1000, 2000], ['haproxy', 'nginx', 'plain', 'mtls'], ['node24'], 'full', true, []]);
  });

  it('takes only cases, subjects and runtimes that exist', async () => {
    const o = await parseOptions(['--cases', 'h1-1,h2-4x32', '--rounds', '2', '--latency', 'none', '--runtime', 'bun,node24', '--no-memory']);
    assert.deepEqual(o.cases, [caseNamed('h1-1'), caseNamed('h2-4x32')]);
    assert.deepEqual([o.rounds, o.rates, o.runtimes, o.memory], [2, [], ['node24', 'bun'], false]);
    await assert.rejects(parseOptions(['--cases', 'h1-2']), /--cases: "h1-2" is none of/);
    await assert.rejects(parseOptions(['--runtime', 'deno']), /--runtime/);
    await assert.rejects(parseOptions(['--latency', 'fast']), /--latency/);
    await assert.rejects(parseOptions(['--subjects', 'none']), /at least one/);
  });

  it('is short when asked to be quick, and what is given goes first', async () => {
    const o = await parseOptions(['--quick', '--rounds', '2']);
    assert.deepEqual([o.seconds, o.rounds, o.settleSeconds, o.rates], [2, 2, 5, [1000]]);
  });
});
