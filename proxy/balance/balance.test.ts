import assert from 'node:assert/strict';
import net from 'node:net';
import { ManualClock } from '../../lib/clock.ts';
import { ProxyError } from '../errors.ts';
import type { ClientConnection, Layer, RequestHead as Head, RequestStream, ResponseStream } from '../message/contract.ts';
import { RequestHead, ResponseHead } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { Balancer } from './balancer.ts';
import { dispatch } from './dispatch.ts';
import type { EndpointInfo } from './endpoint.ts';
import { PeakEwma } from './peak-ewma.ts';
import type { PoolConfig } from './pool.ts';
import { DEFAULTS } from './settings.ts';

const info = (ip: string): EndpointInfo => ({ addr: { ip, port: 80 }, weight: 1, labels: {}, tls: null, h2: false, opaque: false, transportPort: 0 });
const through: Layer = (next) => next;

/** A connection that keeps what it is asked for; `answer` acts on each exchange. */
class FakeConnection implements ClientConnection {
  active = 0;
  closed = false;
  onChange: (() => void) | null = null;
  readonly ip: string;
  private readonly answer: (conn: FakeConnection, client: ResponseStream, body: string[]) => void;
  constructor(ip: string, answer: (conn: FakeConnection, client: ResponseStream, body: string[]) => void) {
    this.ip = ip;
    this.answer = answer;
  }
  get capacity(): number {
    return this.closed || this.active > 0 ? 0 : 1;
  }
  readonly call = (_head: Head, ended: boolean, client: ResponseStream): RequestStream => {
    this.active++;
    const body: string[] = [];
    const done = (): void => {
      queueMicrotask(() => {
        this.active--;
        this.answer(this, client, body);
        this.onChange?.();
      });
    };
    if (ended) done();
    return { data: (b, s, e) => { body.push(b.toString('latin1', s, e)); client.credit(e - s); }, end: done, reset() {}, credit() {} };
  };
  drain(): void { this.destroy(); }
  destroy(): void {
    this.closed = true;
    this.onChange?.();
  }
}

interface Outcome { status: number; body: string; resets: Reset[]; failed: ProxyError | null; credited: number }

class Client implements ResponseStream {
  readonly out: Outcome = { status: 0, body: '', resets: [], failed: null, credited: 0 };
  informational(): void {}
  head(h: ResponseHead): void { this.out.status = h.status; }
  data(b: Buffer, s: number, e: number): void { this.out.body += b.toString('latin1', s, e); }
  end(): void {}
  reset(r: Reset): void { this.out.resets.push(r); }
  credit(n: number): void { this.out.credited += n; }
}

interface Setup { up?: (ip: string) => boolean; answer?: (ip: string, client: ResponseStream, body: string[]) => void; maxTries?: number }

function setup(ips: string[], s: Setup): { balancer: Balancer; clock: ManualClock; send: (body?: string[]) => Client; asked: string[]; dials: string[] } {
  const clock = new ManualClock();
  const asked: string[] = [];
  const dials: string[] = [];
  const byPort = new Map<net.Socket, string>();
  const pool: PoolConfig = {
    clock, idleMs: 1000, maxConnections: 10, retryDelayMs: 100, reuse: null,
    connect: (i, _p, done, failed) => {
      dials.push(i.addr.ip);
      queueMicrotask(() => {
        const socket = new net.Socket();
        byPort.set(socket, i.addr.ip);
        if (s.up?.(i.addr.ip) === false) failed(new ProxyError('CONNECT'));
        else done(socket);
      });
      return { cancel() {} };
    },
    http1: (socket) => new FakeConnection(byPort.get(socket)!, (conn, client, body) => {
      asked.push(conn.ip);
      (s.answer ?? ((ip, c) => { c.head(new ResponseHead(200, [])); const b = Buffer.from(ip); c.data(b, 0, b.length); c.end(null); }))(conn.ip, client, body);
    }),
    http2: () => { throw new Error('not used'); },
  };
  let seed = 1;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const balancer = new Balancer('svc', { pool, settings: { ...DEFAULTS, capacity: 2 }, layers: () => through, random });
  if (ips.length > 0) balancer.add(ips.map(info));
  return {
    balancer, clock, asked, dials,
    send: (body) => {
      const client = new Client();
      const service = dispatch({ balancer, protocol: () => 'http1', maxTries: s.maxTries ?? 3, fail: (_h, _c, e) => { client.out.failed = e; } });
      const up = service(new RequestHead('GET', 'http', 'svc', '/', []), body === undefined, client);
      for (const part of body ?? []) {
        const b = Buffer.from(part);
        up.data(b, 0, b.length);
      }
      if (body !== undefined) up.end(null);
      return client;
    },
  };
}

const turn = (): Promise<void> => new Promise((r) => { setImmediate(() => setImmediate(r)); });

describe('peak EWMA', () => {
  it('believes a slow sample at once and faster ones slowly', () => {
    const e = new PeakEwma(0);
    assert.equal(e.value(0), 30);
    e.observe(500, 0);
    assert.equal(e.value(0), 500);
    e.observe(10, 1000);
    assert.ok(e.value(1000) > 400 && e.value(1000) < 500);
    assert.ok(e.value(60_000) < 5);
  });
});

describe('dispatch', () => {
  it('sends requests over connections that are kept', async () => {
    const t = setup(['a'], {});
    for (let i = 0; i < 3; i++) {
      const c = t.send();
      await turn();
      assert.deepEqual([c.out.status, c.out.body], [200, 'a']);
    }
    assert.equal(t.dials.length, 1);
  });

  it('prefers the endpoint that answers faster', async () => {
    const t = setup(['slow', 'fast'], {});
    t.balancer.add([]);
    for (let i = 0; i < 200; i++) {
      const e = t.balancer.pick(null)!;
      e.observe(e.info.addr.ip === 'slow' ? 200 : 2, t.clock.now());
    }
    const picks = Array.from({ length: 100 }, () => t.balancer.pick(null)!.info.addr.ip);
    assert.ok(picks.filter((p) => p === 'fast').length > 60, picks.join());
  });

  it('tries a new endpoint beside fast ones once, and then waits for its answer', async () => {
    const t = setup(['a', 'b'], { answer: () => { /* never */ } });
    for (let i = 0; i < 20; i++) {
      t.clock.advance(1000);
      for (const e of [t.balancer.pick(null)!, t.balancer.pick(null)!]) e.observe(1, t.clock.now());
    }
    t.balancer.add([info('new')]);
    const picks = (): string[] => Array.from({ length: 30 }, () => t.balancer.pick(null)!.info.addr.ip);
    assert.ok(picks().includes('new'));
    while (!t.asked.includes('new')) {
      t.send();
      await turn();
    }
    assert.ok(!picks().includes('new'), 'while it has not answered yet');
  });

  it('spreads a burst although one endpoint\'s connections are made and the other\'s are not', async () => {
    const t = setup(['a', 'b'], {});
    while (t.dials.length === 0) t.send();
    await turn();
    const dialled = t.dials.length;
    for (let i = 0; i < 12; i++) t.send();
    const waiting = t.dials.slice(dialled);
    assert.deepEqual(new Set(waiting), new Set(['a', 'b']), waiting.join());
    await turn();
    await turn();
    const share = t.asked.filter((ip) => ip === 'a').length;
    assert.ok(share >= 4 && share <= 9, t.asked.join());
  });

  it('does not count as load what was given up while it waited for a connection', async () => {
    const t = setup(['a'], {});
    const endpoint = t.balancer.pick(null)!;
    const service = dispatch({ balancer: t.balancer, protocol: () => 'http1', maxTries: 3, fail: () => {} });
    service(new RequestHead('GET', 'http', 'svc', '/', []), true, new Client()).reset(RESET.cancel);
    assert.equal(endpoint.pending, 0);
    t.send();
    assert.equal(endpoint.pending, 1);
    await turn();
    await turn();
    assert.equal(endpoint.pending, 0);
  });

  it('goes to another endpoint when one cannot be connected to, and leaves that one alone for a while', async () => {
    const t = setup(['down', 'up'], { up: (ip) => ip === 'up' });
    for (let i = 0; i < 10; i++) {
      const c = t.send();
      await turn();
      await turn();
      assert.equal(c.out.body, 'up');
    }
    assert.equal(t.dials.filter((d) => d === 'down').length, 1);
    t.clock.advance(150);
    for (let i = 0; i < 20; i++) {
      t.send();
      await turn();
      await turn();
    }
    assert.equal(t.dials.filter((d) => d === 'down').length, 2);
  });

  it('sends a refused request again with its body, and gives credit for it once', async () => {
    let first = '';
    const t = setup(['a', 'b'], { answer: (ip, client, body) => {
      first ||= ip;
      if (ip === first) client.reset(RESET.refused);
      else {
        client.head(new ResponseHead(200, []));
        const b = Buffer.from(body.join(''));
        client.data(b, 0, b.length);
        client.end(null);
      }
    } });
    const c = t.send(['one', 'two']);
    for (let i = 0; i < 6; i++) await turn();
    assert.deepEqual([c.out.status, c.out.body, c.out.credited], [200, 'onetwo', 6]);
    assert.equal(new Set(t.asked).size, 2);
  });

  it('leaves an endpoint alone that takes connections and refuses every request', async () => {
    const t = setup(['dead', 'alive'], { answer: (ip, client) => {
      if (ip === 'dead') client.reset(RESET.refused);
      else {
        client.head(new ResponseHead(200, []));
        client.end(null);
      }
    } });
    for (let i = 0; i < 30; i++) {
      const c = t.send();
      for (let n = 0; n < 6; n++) await turn();
      assert.equal(c.out.status, 200);
    }
    assert.equal(t.asked.filter((ip) => ip === 'dead').length, 2);
    t.clock.advance(200);
    for (let i = 0; i < 30; i++) {
      t.send();
      for (let n = 0; n < 6; n++) await turn();
    }
    assert.equal(t.asked.filter((ip) => ip === 'dead').length, 3);
  });

  it('does not send again what is too large to keep', async () => {
    const t = setup(['a', 'b'], { answer: (_ip, client) => client.reset(RESET.refused) });
    const c = t.send(Array.from({ length: 40 }, () => 'x'.repeat(4096)));
    for (let i = 0; i < 6; i++) await turn();
    assert.equal(c.out.failed?.code, 'CONNECT');
    assert.equal(t.asked.length, 1);
  });

  it('does not repeat what was reset for another reason', async () => {
    const t = setup(['a', 'b'], { answer: (_ip, client) => client.reset(RESET.io) });
    const c = t.send();
    await turn();
    await turn();
    assert.equal(c.out.failed?.code, 'IO');
    assert.equal(t.asked.length, 1);
  });

  it('passes on a reset that comes instead of an answer or in the middle of one', async () => {
    for (const begun of [false, true]) {
      const t = setup(['a'], { answer: (_ip, client) => {
        if (begun) client.head(new ResponseHead(200, []));
        client.reset(begun ? RESET.io : RESET.cancel);
      } });
      const c = t.send();
      await turn();
      await turn();
      assert.deepEqual([c.out.resets, c.out.failed], [[begun ? RESET.io : RESET.cancel], null]);
    }
  });

  it('waits for endpoints, sheds beyond the bound, and fails in time', async () => {
    const t = setup([], {});
    const waiting = [t.send(), t.send()];
    assert.equal(t.send().out.failed?.code, 'LOAD_SHED');
    t.clock.advance(2999);
    assert.equal(waiting[0]!.out.failed, null);
    t.balancer.add([info('late')]);
    await turn();
    assert.equal(waiting[0]!.out.body, 'late');
    t.balancer.clear();
    const lost = t.send();
    t.clock.advance(3100);
    assert.equal(lost.out.failed?.code, 'NO_ENDPOINTS');
  });

  it('closes idle connections', async () => {
    const t = setup(['a'], {});
    t.send();
    await turn();
    t.clock.advance(2500);
    t.send();
    await turn();
    assert.equal(t.dials.length, 2);
  });
});
