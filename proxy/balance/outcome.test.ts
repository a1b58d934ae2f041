/** What becomes of exchanges changes which endpoints the next ones go to. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { ManualClock } from '../../lib/clock.ts';
import type { ProxyError } from '../errors.ts';
import { FakeClient, get, write } from '../layers/fakes.testkit.ts';
import { ResponseHead, field, type ClientConnection, type Fields, type RequestHead, type RequestStream, type ResponseStream } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import type { AccrualPolicy } from '../policy/outbound/model.ts';
import { Registry } from '../telemetry/registry.ts';
import type { AffinityConfig } from './affinity.ts';
import { Balancer } from './balancer.ts';
import { dispatch } from './dispatch.ts';
import type { EndpointInfo } from './endpoint.ts';
import { BalancerMetrics } from './metrics.ts';
import type { ReuseLimits } from './pool.ts';
import { DEFAULTS, type BalanceSettings } from './settings.ts';

const ACCRUAL: AccrualPolicy = { maxFailures: 2, successRate: 0, decayMs: 0, minRequests: 0, backoff: { minMs: 1000, maxMs: 8000, jitter: 0, respectRetryAfter: false }, minReady: 0 };

/** A connection whose exchanges a test answers when it wants to. */
class HeldConnection implements ClientConnection {
  active = 0;
  closed = false;
  onChange: (() => void) | null = null;
  keepAliveTimeout = -1;
  readonly ip: string;
  private readonly log: Exchange[];
  constructor(ip: string, log: Exchange[]) {
    this.ip = ip;
    this.log = log;
  }
  get capacity(): number { return this.closed ? 0 : 1 - this.active; }
  readonly call = (head: RequestHead, _ended: boolean, client: ResponseStream): RequestStream => {
    this.active++;
    const x = new Exchange(this.ip, head, client, () => {
      this.active--;
      this.onChange?.();
    });
    this.log.push(x);
    return { data() {}, end() {}, credit() {}, reset: () => { x.gone(); } };
  };
  drain(): void { this.destroy(); }
  destroy(): void {
    this.closed = true;
    this.onChange?.();
  }
}

class Exchange {
  readonly ip: string;
  readonly head: RequestHead;
  readonly client: ResponseStream;
  readonly gone: () => void;
  constructor(ip: string, head: RequestHead, client: ResponseStream, gone: () => void) {
    this.ip = ip;
    this.head = head;
    this.client = client;
    this.gone = gone;
  }
  answer(status: number, fields: Fields = [], trailers: Fields | null = null): void {
    this.client.head(new ResponseHead(status, fields.slice()));
    this.gone();
    this.client.end(trailers);
  }
}

interface Setup {
  clock: ManualClock; balancer: Balancer; log: Exchange[]; conns: HeldConnection[]; down: Set<string>; registry: Registry;
  send: (head?: RequestHead) => { client: FakeClient; errors: ProxyError[]; up: RequestStream };
  last: () => Exchange;
}

function setup(ips: string[], settings: Partial<BalanceSettings> = {}, more: { affinity?: AffinityConfig; reuse?: ReuseLimits } = {}): Setup {
  const clock = new ManualClock(1);
  const log: Exchange[] = [];
  const conns: HeldConnection[] = [];
  const down = new Set<string>();
  const dialled = new Map<net.Socket, string>();
  let seed = 1;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const registry = new Registry();
  const open = (socket: net.Socket): HeldConnection => {
    const c = new HeldConnection(dialled.get(socket)!, log);
    conns.push(c);
    return c;
  };
  const balancer = new Balancer('svc', {
    pool: {
      clock, idleMs: 30_000, maxConnections: 10, retryDelayMs: 100, reuse: more.reuse ?? null, http1: open, http2: open,
      connect: (info, _p, done, failed) => {
        const socket = new net.Socket();
        dialled.set(socket, info.addr.ip);
        if (down.has(info.addr.ip)) failed({ code: 'CONNECT', message: 'down' } as ProxyError);
        else done(socket);
        return { cancel() {} };
      },
    },
    settings: { ...DEFAULTS, ...settings }, layers: () => (next) => next, random, made: new BalancerMetrics(registry).track,
  });
  balancer.add(ips.map((ip): EndpointInfo => ({ addr: { ip, port: 80 }, weight: 1, labels: {}, tls: null, h2: false, opaque: false, transportPort: 0 })));
  return {
    clock, balancer, log, conns, down, registry, last: () => log.at(-1)!,
    send: (head = get()) => {
      const client = new FakeClient();
      const errors: ProxyError[] = [];
      const service = dispatch({
        balancer, protocol: () => (head.version === 2 ? 'http2' : 'http1'), maxTries: 3, fail: (_h, _c, e) => errors.push(e),
        affinity: more.affinity === undefined ? null : { config: more.affinity, random },
      });
      return { client, errors, up: service(head, true, client) };
    },
  };
}

function grpc(): RequestHead {
  return Object.assign(get(['content-type', 'application/grpc']), { version: 2 });
}

const GRPC: Fields = ['content-type', 'application/grpc'];

describe('failures', () => {
  const failing: Record<string, (t: Setup) => void> = {
    'a status of 500 and more': (t) => {
      t.send();
      t.last().answer(503);
    },
    'a gRPC status in trailers': (t) => {
      t.send(grpc());
      t.last().answer(200, GRPC, ['grpc-status', '14']);
    },
    'a gRPC status in the head': (t) => {
      t.send(grpc());
      t.last().answer(200, [...GRPC, 'grpc-status', '13']);
    },
    'a connection that breaks before the answer': (t) => {
      t.send();
      t.last().gone();
      t.last().client.reset(RESET.io);
    },
    'a gRPC call that breaks off': (t) => {
      t.send(grpc());
      t.last().client.head(new ResponseHead(200, GRPC.slice()));
      t.last().gone();
      t.last().client.reset(RESET.io);
    },
    'a timeout of the route': (t) => {
      t.send().up.reset(RESET.timeout);
    },
  };
  for (const [what, fail] of Object.entries(failing)) {
    it(`are counted by the breaker: ${what}`, () => {
      const t = setup(['a'], { breaker: ACCRUAL });
      fail(t);
      assert.equal(t.balancer.state().ejected, 0);
      fail(t);
      assert.deepEqual(t.balancer.state(), { ready: 0, down: 0, ejected: 1, waiting: 0, failFast: false });
    });
  }

  const fine: Record<string, (t: Setup) => void> = {
    'a status below 500': (t) => {
      t.send();
      t.last().answer(429);
    },
    'a gRPC status that is the client\'s fault': (t) => {
      t.send(grpc());
      t.last().answer(200, GRPC, ['grpc-status', '5']);
    },
    'a client that goes away': (t) => {
      t.send().up.reset(RESET.cancel);
    },
  };
  for (const [what, f] of Object.entries(fine)) {
    it(`are not: ${what}`, () => {
      const t = setup(['a'], { breaker: ACCRUAL });
      for (let i = 0; i < 5; i++) f(t);
      assert.equal(t.balancer.state().ejected, 0);
    });
  }

  it('keep an endpoint out until a probe is good; one request is the probe', () => {
    const t = setup(['a', 'b'], { breaker: ACCRUAL });
    for (let i = 0; i < 50 && t.balancer.state().ejected === 0; i++) {
      // Until its failures are forgotten, nobody would ask it again.
      t.clock.advance(60_000);
      t.send();
      t.clock.advance(1 + (i % 5));
      t.last().answer(t.last().ip === 'a' ? 500 : 200);
    }
    const during = (): string[] => Array.from({ length: 30 }, () => {
      t.send();
      t.last().answer(t.last().ip === 'a' ? 500 : 200);
      return t.last().ip;
    });
    assert.equal(t.balancer.state().ejected, 1);
    assert.ok(!during().includes('a'));
    t.clock.advance(1000);
    assert.equal(during().filter((ip) => ip === 'a').length, 1);
    assert.match(t.registry.expose(), /endpoints\{backend="svc",endpoint_state="ejected"\} 1\n(.*\n)*.*ejections_total\{backend="svc"\} 1/);
    t.clock.advance(2000);
    for (let i = 0; i < 30; i++) {
      t.send();
      t.last().answer(200);
    }
    assert.equal(t.balancer.state().ejected, 0);
  });

  it('leave as many endpoints in as there have to be', () => {
    const t = setup(['a', 'b', 'c'], { breaker: { ...ACCRUAL, maxFailures: 1, minReady: 2 } });
    for (let i = 0; i < 20; i++) {
      t.send();
      t.last().answer(500);
    }
    assert.deepEqual([t.balancer.state().ready, t.balancer.state().ejected], [2, 1]);
  });
});

describe('the floor of ready endpoints', () => {
  it('brings back what was taken out when others go away or cannot be connected to', () => {
    for (const lose of ['remove', 'down'] as const) {
      const t = setup(['a', 'b'], { breaker: { ...ACCRUAL, maxFailures: 1, minReady: 1 } });
      t.send();
      t.last().answer(500);
      const out = t.last().ip;
      const left = out === 'a' ? 'b' : 'a';
      assert.deepEqual([t.balancer.state().ready, t.balancer.state().ejected], [1, 1]);
      if (lose === 'remove') t.balancer.remove([{ ip: left, port: 80 }]);
      else {
        t.down.add(left);
        t.send();
      }
      assert.equal(t.balancer.state().ejected, 0, lose);
      t.send();
      assert.equal(t.last().ip, out);
    }
  });
});

describe('the gate', () => {
  it('fails at once after a while, and opens with the first endpoint that is back', () => {
    const t = setup(['a'], { breaker: { ...ACCRUAL, maxFailures: 1, backoff: { ...ACCRUAL.backoff, minMs: 8000 } } });
    t.send();
    t.last().answer(500);
    const waits = t.send();
    t.clock.advance(2999);
    assert.equal(t.balancer.state().waiting, 1);
    t.clock.advance(1);
    assert.equal(waits.errors[0]?.code, 'FAIL_FAST');
    assert.deepEqual([t.send().errors[0]?.code, t.balancer.state().failFast], ['FAIL_FAST', true]);
    const said = t.registry.expose();
    for (const line of [
      'queue_gate_open{backend="svc"} 0', 'p2c_endpoints{backend="svc"} 1', 'p2c_updates_total{backend="svc",op="Add"} 1', 'queue_latency_seconds_sum{backend="svc"} 3', 'queue_latency_seconds_count{backend="svc"} 1',
    ]) assert.ok(said.includes(`outbound_http_balancer_${line}\n`), line);
    t.clock.advance(5000);
    const probe = t.send();
    assert.equal(t.send().errors[0]?.code, 'FAIL_FAST', 'the probe is one request');
    t.last().answer(200);
    assert.deepEqual([probe.client.status, t.balancer.state().failFast], [200, false]);
    t.send();
    assert.equal(t.log.length, 3);
  });

  it('lets one of those who wait try an endpoint whose rest is over, and the others follow when it takes a connection', () => {
    const t = setup(['a']);
    t.down.add('a');
    const all = Array.from({ length: 5 }, () => t.send());
    t.clock.advance(100);
    assert.deepEqual([t.log.length, t.balancer.state().waiting], [0, 5]);
    t.down.clear();
    t.clock.advance(200);
    assert.equal(t.log.length, 5);
    assert.deepEqual(all.map((x) => x.errors.length), [0, 0, 0, 0, 0]);
  });

  it('forgets those who went away', () => {
    const t = setup([]);
    const a = t.send();
    a.up.reset(RESET.cancel);
    t.clock.advance(10_000);
    assert.deepEqual([a.errors.length, t.balancer.state().waiting], [0, 0]);
  });
});

describe('sessions', () => {
  const ips = ['a', 'b', 'c', 'd', 'e'];

  it('stay with an endpoint by a header, and are balanced by load without it', () => {
    const t = setup(ips, {}, { affinity: { header: 'x-user' } });
    const went = (head: RequestHead): string => {
      t.send(head);
      t.last().answer(200);
      return t.last().ip;
    };
    for (const user of ['ada', 'bob', 'cy']) assert.equal(new Set(Array.from({ length: 20 }, () => went(get(['x-user', user])))).size, 1);
    assert.ok(new Set(Array.from({ length: 20 }, () => went(get()))).size > 1);
  });

  it('begin with a cookie in the first answer', () => {
    const t = setup(ips, {}, { affinity: { cookie: 'route', path: '/', ttlMs: 90_000 } });
    const first = t.send();
    t.last().answer(200, ['x', 'y']);
    const cookie = field(first.client.fields, 'set-cookie')!;
    assert.match(cookie, /^route=[0-9a-f]{16}; Path=\/; Max-Age=90; HttpOnly$/);
    const { ip } = t.last();
    for (let i = 0; i < 20; i++) {
      const next = t.send(get(['cookie', `other=1; ${cookie.split(';')[0]}`]));
      t.last().answer(200);
      assert.deepEqual([t.last().ip, field(next.client.fields, 'set-cookie')], [ip, undefined]);
    }
  });
});

describe('connections', () => {
  it('are given up a second before their server gives them up', () => {
    const t = setup(['a']);
    t.send();
    t.conns[0]!.keepAliveTimeout = 5;
    t.last().answer(200);
    t.clock.advance(3999);
    assert.equal(t.conns[0]!.closed, false);
    t.clock.advance(1);
    assert.equal(t.conns[0]!.closed, true);
  });

  it('serve only so many requests, and only so long, where that is configured', () => {
    const counted = setup(['a'], {}, { reuse: { maxRequests: 3, maxAgeMs: 0 } });
    const aged = setup(['a'], {}, { reuse: { maxRequests: 0, maxAgeMs: 1000 } });
    const counted2 = setup(['a'], {}, { reuse: { maxRequests: 3, maxAgeMs: 0 } });
    for (const [t, head] of [[counted, get], [aged, get], [counted2, grpc]] as const) {
      for (let i = 0; i < 6; i++) {
        const x = t.send(head());
        t.last().answer(200);
        assert.equal(x.client.status, 200);
        t.clock.advance(400);
      }
      assert.deepEqual(t.conns.map((c) => c.closed), [true, false]);
    }
  });

  it('that a peer ends send new exchanges elsewhere, while those on them go on', () => {
    const t = setup(['a', 'b']);
    const all = Array.from({ length: 2 }, () => t.send(grpc()));
    assert.deepEqual(t.log.map((x) => x.ip).sort(), ['a', 'b']);
    const leaving = t.conns.find((c) => c.ip === 'a')!;
    t.log.find((x) => x.ip === 'b')!.answer(200, GRPC, ['grpc-status', '0']);
    leaving.destroy();
    for (let i = 0; i < 10; i++) {
      t.send(grpc());
      assert.equal(t.last().ip, 'b');
      t.last().answer(200, GRPC, ['grpc-status', '0']);
    }
    write(t.log.find((x) => x.ip === 'a')!.client, 'late');
    assert.ok(all.some((x) => x.client.body === 'late'));
  });
});
