import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { encode } from '../../lib/grpc/wire.ts';
import { frame } from '../../lib/grpc/frame.ts';
import * as t from '../../api/gen/tables.ts';
import type { Balancer } from '../balance/balancer.ts';
import { alone } from '../balance/settings.ts';
import { ResponseHead, type RequestStream, type ResponseStream, type Service } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { countLookups, ControlChannel } from './channel.ts';
import { watchEndpoints } from './endpoints.ts';
import { unary } from './grpc.ts';
import { CERTIFY, INBOUND_WATCH } from './methods.ts';
import { ipMessage } from './convert.ts';
import { Watch } from './watch.ts';
import { Registry } from '../telemetry/registry.ts';

/** A control plane whose streams the test holds in its hands. */
class Server {
  readonly clock = new ManualClock();
  readonly streams: ResponseStream[] = [];
  readonly resets: string[] = [];
  readonly service: Service = (_head, _ended, client): RequestStream => {
    this.streams.push(client);
    return { data() {}, end() {}, credit() {}, reset: (r) => { this.resets.push(r.label); } };
  };
  readonly channel = { service: this.service, authority: 'c:1', clock: this.clock, random: () => 0.5 };

  get last(): ResponseStream { return this.streams.at(-1)!; }
  send(bytes: Uint8Array): void {
    const b = frame(bytes);
    this.last.head(new ResponseHead(200, ['content-type', 'application/grpc']));
    this.last.data(b, 0, b.length);
  }
}

const POLICY = encode(t.inbound_Server, { labels: { name: 'x' } });

describe('watches of the control plane', () => {
  const watch = (s: Server, seen: string[] = []): Watch<unknown, unknown> =>
    new Watch(s.channel, INBOUND_WATCH, { workload: 'w', port: 1 }, { message: (m) => seen.push(m.labels['name']!), ended: () => false }) as unknown as Watch<unknown, unknown>;

  it('are opened again with growing pauses when each stream ends right after a message', () => {
    const s = new Server();
    const seen: string[] = [];
    watch(s, seen);
    for (let i = 0; i < 60_000; i += 10) {
      if (s.streams.length > seen.length) {
        s.send(POLICY);
        s.last.end(['grpc-status', '14']);
      }
      s.clock.advance(10);
    }
    // 75 ms, 150, 300 … 7.5 s: about a dozen in a minute, not 800
    assert.ok(seen.length >= 10 && seen.length <= 14, String(seen.length));
  });

  it('come back soon after a stream that lasted', () => {
    const s = new Server();
    watch(s);
    for (let i = 0; i < 8; i++) {
      s.last.reset(RESET.io);
      s.clock.advance(10_000);
    }
    s.send(POLICY);
    s.clock.advance(60_000);
    const before = s.streams.length;
    s.last.end(['grpc-status', '14']);
    s.clock.advance(100);
    assert.equal(s.streams.length, before + 1);
  });

  it('stop for good', () => {
    const s = new Server();
    const w = watch(s);
    w.stop();
    assert.deepEqual(s.resets, ['CANCEL']);
    s.clock.advance(60_000);
    assert.equal(s.streams.length, 1);
  });
});

describe('endpoints of a service', () => {
  it('stay while streams come and go, and those not named again go once one has said what there is', () => {
    const s = new Server();
    const now = new Set<string>();
    const balancer = {
      add: (infos: { addr: { ip: string } }[]) => { for (const i of infos) now.add(i.addr.ip); },
      remove: (addrs: { ip: string }[]) => { for (const a of addrs) now.delete(a.ip); },
      clear: () => now.clear(),
    } as unknown as Balancer;
    const stop = watchEndpoints(s.channel, 'svc:80', '', balancer);
    const add = (...ips: string[]): void => s.send(encode(t.destination_Update, { update: { case: 'add', value: { addrs: ips.map((ip) => ({ addr: { ip: ipMessage(ip), port: 80 }, weight: 1 })) } } }));
    add('10.0.0.1', '10.0.0.2');
    s.last.reset(RESET.io);
    s.clock.advance(1000);
    add('10.0.0.2');
    s.last.reset(RESET.io);
    s.clock.advance(5000);
    assert.deepEqual([...now].sort(), ['10.0.0.1', '10.0.0.2'], 'a stream that ended at once has not said everything');
    add('10.0.0.2', '10.0.0.3');
    s.clock.advance(1000);
    assert.deepEqual([...now].sort(), ['10.0.0.2', '10.0.0.3']);
    stop();
  });
});

describe('a call', () => {
  it('fails when the control plane does not answer', async () => {
    const s = new Server();
    const call = unary(s.channel, CERTIFY, {}, 10_000);
    s.clock.advance(10_000);
    await assert.rejects(call, /DEADLINE_EXCEEDED: no answer in 10 s/);
    assert.deepEqual(s.resets, ['CANCEL']);
  });
});

describe('addresses of the control plane', () => {
  it('are looked up with growing pauses while that fails, and the lookups are counted', async () => {
    const { clock } = new Server();
    const registry = new Registry();
    let asked = 0;
    const resolve = countLookups(async () => {
      asked++;
      if (asked % 2 === 0) throw new Error('SERVFAIL');
      return [];
    }, registry.counter('d_total', 'D.'), 'policy');
    const config = { pool: { clock }, random: () => 0.5, layers: () => (s: Service) => s, settings: alone(10_000) };
    const channel = new ControlChannel({ host: 'h', port: 1, identity: null }, config as never, resolve, { debug() {} } as never);
    for (let i = 0; i < 600; i++) {
      clock.advance(100);
      await new Promise((r) => { setImmediate(r); });
    }
    channel.stop();
    assert.ok(asked >= 8 && asked <= 14, String(asked));
    assert.match(registry.expose(), new RegExp(`d_total\\{client="policy",record_type="a",result="not_found"\\} ${asked}`));
  });
});
