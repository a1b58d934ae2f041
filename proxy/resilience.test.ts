/** Failing servers behind a real proxy: who is asked, who is left alone, and how often anything is asked again. */
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import type { Init } from '../lib/grpc/wire.ts';
import type { HttpRoute_Rule, OutboundPolicy } from '../api/gen/outbound_pb.js';
import { World } from './routes/world.testkit.ts';
import type { FakeEndpoint } from './testing/control-plane.ts';
import { backend, duration, httpPolicy, route, to } from './testing/policies.ts';

type Accrual = Extract<NonNullable<NonNullable<Init<OutboundPolicy>['protocol']>['kind']>, { case?: 'http1' }>['value'];

/** One rule for everything, with circuit breaking after 3 failures in a row and a first pause of so long (0: without). */
function policy(rule: Init<HttpRoute_Rule>, pauseMs: number): Init<OutboundPolicy> {
  const failureAccrual = { kind: { case: 'consecutiveFailures', value: { maxFailures: 3, backoff: { minBackoff: duration(pauseMs), maxBackoff: duration(2 * pauseMs), jitterRatio: 0 } } } } as const;
  const http = { routes: [route('r', [rule])], ...(pauseMs > 0 ? { failureAccrual } : {}) } as Accrual;
  return { ...httpPolicy(), protocol: { kind: { case: 'http1', value: http } } } as Init<OutboundPolicy>;
}

describe('resilience, through the proxy', () => {
  let world: World;

  async function start(p: Init<OutboundPolicy>): Promise<void> {
    world = new World();
    await world.start(() => p, 'good', 'bad');
    const [good, bad] = ['good', 'bad'].map((name) => world.control.services.get(name)!.endpoints[0]!);
    world.control.services.set('both', { endpoints: [good!, bad!] });
    world.control.services.set('ranked', { endpoints: [{ ...good! }, { ...bad!, priority: 1 }] });
  }
  const asked = (name: string): number => world.seen.get(name)!.length;
  const gauge = async (state: string, name = 'both'): Promise<number> => Number(new RegExp(`balancer_endpoints\\{[^}]*backend="${name}[^}]*endpoint_state="${state}"\\} (\\d+)`).exec(await world.metrics())?.[1] ?? -1);
  async function until(done: () => Promise<boolean>): Promise<void> {
    while (!(await done())) await new Promise((r) => { setTimeout(r, 5); });
  }
  afterEach(async () => { await world.stop(); });

  async function failUntilEjected(): Promise<void> {
    world.status.set('bad', 503);
    await until(async () => {
      await Promise.all(Array.from({ length: 8 }, () => world.get('/')));
      return await gauge('ejected') === 1;
    });
  }

  it('a server that fails is left alone', async () => {
    await start(policy({ backends: to(backend('both')) }, 600_000));
    await failUntilEjected();
    assert.deepEqual(await world.count(100), { good: 100 });
    assert.match(await world.metrics(), /balancer_ejections_total\{backend="both"\} 1/);
  });

  it('it is probed, and taken back when it is well', async () => {
    await start(policy({ backends: to(backend('both')) }, 50));
    await failUntilEjected();
    const before = asked('bad');
    await until(async () => {
      await world.get('/');
      return asked('bad') > before;
    });
    assert.equal(await gauge('ejected'), 1, 'the probe failed');
    world.status.delete('bad');
    await until(async () => {
      await world.get('/');
      return await gauge('ejected') === 0;
    });
    assert.equal(await gauge('ready'), 2);
  });

  it('another backend takes over while every endpoint of the first is out, and gives back', async () => {
    await start(policy({ backends: to(backend('bad'), backend('good')) }, 50));
    assert.deepEqual(await world.count(3), { bad: 3 });
    world.status.set('bad', 500);
    await until(async () => (await world.get('/')).body === 'good');
    world.status.delete('bad');
    await until(async () => (await world.get('/')).body === 'bad');
    assert.deepEqual(await world.count(5), { bad: 5 });
  });

  it('endpoints of the next priority take over while there is none of the first, and give back', async () => {
    await start(policy({ backends: to(backend('ranked')) }, 0));
    assert.deepEqual(await world.count(5), { good: 5 });
    world.gone('good');
    const [near] = world.control.services.get('good')!.endpoints;
    world.control.change('ranked', [], [near!]);
    await until(async () => await gauge('ready', 'ranked') === 1);
    assert.deepEqual(await world.count(5), { bad: 5 });
    world.control.change('ranked', [near!], []);
    await until(async () => await gauge('ready', 'ranked') === 2);
    assert.deepEqual(await world.count(5), { good: 5 });
  });

  it('retries stay within their budget, however many requests fail', async () => {
    const retry = { maxRetries: 5, maxRequestBytes: 65_536, conditions: { statusRanges: [{ start: 500, end: 599 }] }, backoff: { minBackoff: duration(1), maxBackoff: duration(2), jitterRatio: 1 } };
    const storm = async (budget: object): Promise<number> => {
      await start(policy({ backends: to(backend('bad')), retry: { ...retry, ...budget } }, 0));
      world.status.set('bad', 503);
      await Promise.all(Array.from({ length: 50 }, () => world.get('/', { method: 'POST' }, 'body')));
      return asked('bad');
    };
    assert.equal(await storm({}), 300);
    await world.stop();
    const bounded = await storm({ budget: { ratio: 0.2, minPerSecond: 1, window: duration(10_000) } });
    assert.ok(bounded >= 55 && bounded <= 70, `${bounded} requests for 50`);
    assert.match(await world.metrics(), /retry_overflow_total\{[^}]*\} [1-9]/);
  });

  it('a server that is about to end gets no new streams, and those that it has go on', async () => {
    await start(policy({ backends: to(backend('leaving')) }, 0));
    const sessions = new Map<string, http2.ServerHttp2Session>();
    const held: http2.ServerHttp2Stream[] = [];
    const endpoints: FakeEndpoint[] = [];
    for (const name of ['a', 'b']) {
      const server = http2.createServer();
      server.on('session', (session) => sessions.set(name, session));
      server.on('stream', (stream, headers) => {
        stream.on('error', () => {});
        stream.respond({ ':status': 200 });
        if (headers[':path'] === '/held') {
          stream.write(name);
          held.push(stream);
        } else stream.end(name);
      });
      endpoints.push({ ip: '127.0.0.1', port: await world.listen(server) });
    }
    world.control.services.set('leaving', { endpoints });
    const client = http2.connect(`http://127.0.0.1:${world.proxy.outboundPort}`);
    const begin = async (path: string): Promise<{ first: string; end: Promise<string> }> => {
      const stream = client.request({ ':path': path });
      let text = '';
      stream.setEncoding('latin1');
      const end = new Promise<string>((resolve, reject) => {
        stream.on('end', () => resolve(text));
        stream.on('error', reject);
      });
      const first = await new Promise<string>((r) => { stream.once('data', r); });
      text = first;
      stream.on('data', (c: string) => { text += c; });
      return { first, end };
    };
    const long = await begin('/held');
    const leaving = long.first;
    const other = leaving === 'a' ? 'b' : 'a';
    await until(async () => (await (await begin('/')).end) === other);
    sessions.get(leaving)!.goaway();
    // What comes after the GOAWAY has been read when it is answered.
    await new Promise((r) => { sessions.get(leaving)!.ping(r); });
    const after = new Set<string>();
    for (let i = 0; i < 20; i++) after.add(await (await begin('/')).end);
    held[0]!.end(' and the rest');
    assert.equal(await long.end, `${leaving} and the rest`);
    client.destroy();
    for (const s of sessions.values()) s.destroy();
    assert.deepEqual([...after], [other]);
  });

  it('an endpoint that is removed finishes what it has', async () => {
    await start(policy({ backends: to(backend('slow')) }, 0));
    let answer: http.ServerResponse | null = null;
    const server = http.createServer((_req, res) => {
      res.write('begun');
      answer = res;
    });
    const endpoint = { ip: '127.0.0.1', port: await world.listen(server) };
    world.control.services.set('slow', { endpoints: [endpoint] });
    const got = world.get('/');
    await until(async () => answer !== null);
    world.control.change('slow', [], [endpoint]);
    await until(async () => await gauge('ready', 'slow') === 0);
    answer!.end(', and finished');
    assert.equal((await got).body, 'begun, and finished');
  });

  it('a session stays with its server by the cookie that it is given', async () => {
    await start(policy({ backends: to({ ...backend('both'), sessionAffinity: { key: { case: 'cookie', value: { name: 'route', path: '/' } } } }) }, 0));
    for (let i = 0; i < 24; i++) {
      const first = await world.get('/');
      const cookie = first.headers['set-cookie']![0]!.split(';')[0]!;
      for (let n = 0; n < 5; n++) {
        const next = await world.get('/', { headers: { cookie } });
        assert.deepEqual([next.body, next.headers['set-cookie']], [first.body, undefined]);
      }
    }
    assert.ok(asked('good') > 0 && asked('bad') > 0, 'the sessions are spread');
  });
});
