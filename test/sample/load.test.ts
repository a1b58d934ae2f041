import assert from 'node:assert/strict';
import { EnvError, parseEnv } from './env.ts';
import { fakeIo, openShop, type Shop } from './fixture.test.ts';
import { openHttp } from './http-client.ts';
import { load, loadOnce } from './load.ts';
import { report, wait } from './report.ts';
import { Tally, type Totals } from './tally.ts';

describe('sample load, report and wait', () => {
  let shop: Shop;
  beforeEach(async () => { shop = await openShop(); });
  afterEach(async () => { await shop.close(); });

  it('load --once succeeds; failures that flaky was told to make are none', async () => {
    const io = fakeIo();
    assert.equal(await loadOnce(shop.env, io), 0);
    assert.match(io.lines.join('\n'), /^web 20 ok 0 failed p50 .*\nflaky 4 ok 0 failed 1 failed on purpose .*\nquotes 2 ok 0 failed /);
  });

  it('load --once exits 1 and says why a call failed', async () => {
    await shop.roles.books.close();
    const io = fakeIo();
    assert.equal(await loadOnce({ ...shop.env, timeoutMs: 500, rps: 2 }, io), 1);
    assert.match(io.lines.join('\n'), /web failed 2 times: GET \/ answered 502: books: /);
  });

  it('load sends on each beat, gives totals as JSON and a summary when it ends', async () => {
    const io = fakeIo();
    const running = await load(shop.env, io);
    for (let i = 0; i < 5; i++) io.tick();
    const http = openHttp(5000);
    const totals = async () => JSON.parse((await http.call(`http://127.0.0.1:${running.port}/totals`)).body.toString()) as Record<string, Totals>;
    while ((await totals())['web']!.ok < 5) await new Promise(setImmediate);
    const seen = await totals();
    assert.deepEqual(seen['web'], { ok: 5, failed: 0, onPurpose: 0, reasons: {} });
    http.close();
    await running.close();
    assert.equal(io.lines.length, 6);
    assert.match(io.lines.at(-1)!, /^web \d+ ok 0 failed.* \| flaky \d+ ok 0 failed .*\| quotes \d+ ok 0 failed/);
  });

  it('report exits 0 with the stock', async () => {
    const io = fakeIo();
    assert.equal(await report(shop.env, io), 0);
    assert.deepEqual(io.lines, ['6 titles, 2 under £10, £68.93 for one of each; the front page lists 6']);
  });

  it('wait gives up after sixty tries', async () => {
    await shop.roles.books.close();
    const io = fakeIo();
    assert.equal(await wait({ ...shop.env, timeoutMs: 50 }, io), 1);
    assert.equal(io.slept, 59);
    assert.match(io.lines[0]!, /^waiting for books: /);
    assert.match(io.lines[1]!, /^books did not answer: /);
  });
});

describe('sample settings and tallies', () => {
  it('names the variable that is wrong', () => {
    assert.equal(parseEnv({ PORT: '9' }).port, 9);
    assert.equal(parseEnv({ PORT: '' }).port, 8080);
    assert.throws(() => parseEnv({ FAIL_PERCENT: '101' }), new EnvError('FAIL_PERCENT is "101", and it must be a number from 0 to 100.'));
    assert.throws(() => parseEnv({ RPS: 'many' }), EnvError);
  });

  it('sums up what happened since the last summary', () => {
    const tally = new Tally('web');
    tally.ok(2);
    tally.failed('502');
    assert.equal(tally.summary(), 'web 1 ok 1 failed p50 2.0 ms p99 2.0 ms');
    tally.failed('502');
    assert.equal(tally.summary(), 'web 0 ok 1 failed');
    assert.deepEqual(tally.totals, { ok: 1, failed: 2, onPurpose: 0, reasons: { 502: 2 } });
  });
});
