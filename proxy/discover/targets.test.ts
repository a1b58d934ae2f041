import assert from 'node:assert/strict';
import * as t from '../../api/gen/tables.ts';
import { parseCidr } from '../../lib/cidr.ts';
import { ManualClock } from '../../lib/clock.ts';
import { frame } from '../../lib/grpc/frame.ts';
import { encode, type Init, type Table } from '../../lib/grpc/wire.ts';
import type { OutboundPolicy } from '../../api/gen/outbound_pb.js';
import { origDst } from '../accept/addr.ts';
import { Log } from '../log.ts';
import { ResponseHead, type ResponseStream, type Service } from '../message/contract.ts';
import type { OutboundModel } from '../policy/outbound/model.ts';
import type { Budgets } from '../routes/budgets.ts';
import type { BuiltRoutes } from '../routes/build.ts';
import { backend, httpPolicy, match, route, to } from '../testing/policies.ts';
import { Targets } from './targets.ts';

interface Built { model: OutboundModel; budgets: Budgets; released: boolean; heard: () => void }

function setup(address = '10.96.0.1'): {
  clock: ManualClock; built: Built[]; updates: boolean[]; targets: Targets; target: ReturnType<Targets['get']>;
  outcome: string[]; calls: () => number;
  policy: { send: (p: Init<OutboundPolicy>) => void; end: (status: number) => void };
  profile: { send: (p: object) => void; end: (status: number) => void };
} {
  const clock = new ManualClock();
  const open = new Map<string, ResponseStream>();
  let calls = 0;
  const service: Service = (head, _ended, client) => {
    calls++;
    open.set(head.path.split('/').at(-1)!, client);
    return { data() {}, end() {}, reset() {}, credit() {} };
  };
  const channel = { service, authority: 'control', clock, random: () => 0.5 };
  const built: Built[] = [];
  const updates: boolean[] = [];
  const build = (model: OutboundModel, _dst: unknown, budgets: Budgets): BuiltRoutes => {
    const b: Built = { model, budgets, released: false, heard: () => {} };
    built.push(b);
    const waits = model.http1.entries.some((e) => e.rule.distribution.kind === 'first' && e.rule.distribution.backends.length > 1);
    return {
      protocol: model.protocol, whenHeard: (f) => {
        b.heard = f;
        if (!waits) f();
      }, release: () => { b.released = true; },
    } as Partial<BuiltRoutes> as BuiltRoutes;
  };
  const targets = new Targets({
    clock, log: new Log('error', () => {}, () => 0), destination: channel, policy: channel, build, onPolicy: (good) => { updates.push(good); },
    clusterNetworks: [parseCidr('10.0.0.0/8')!], workload: '', context: '', timeoutMs: 10_000, idleMs: 60_000,
  });
  const target = targets.get(origDst(address, 80));
  const outcome: string[] = [];
  target.whenReady(() => outcome.push('ready'), () => outcome.push('failed'));
  const stream = (name: string, table: Table<never>): { send: (m: never) => void; end: (status: number) => void } => {
    const begun = new WeakSet<ResponseStream>();
    const client = (): ResponseStream => {
      const c = open.get(name)!;
      if (!begun.has(c)) c.head(new ResponseHead(200, ['content-type', 'application/grpc']));
      begun.add(c);
      return c;
    };
    return {
      send: (m) => {
        const bytes = frame(encode(table, m));
        client().data(bytes, 0, bytes.length);
      },
      end: (status) => client().end(['grpc-status', String(status)]),
    };
  };
  return {
    clock, built, updates, targets, target, outcome, calls: () => calls,
    policy: stream('Watch', t.outbound_OutboundPolicy as Table<never>) as never, profile: stream('GetProfile', t.destination_DestinationProfile as Table<never>) as never,
  };
}

const [NOT_FOUND, INVALID_ARGUMENT, UNAVAILABLE] = [5, 3, 14];
const plain = httpPolicy(route('r', [{ backends: to(backend('a')) }]));
const choice = httpPolicy(route('r', [{ backends: to(backend('a'), backend('b')) }]));
const bad = httpPolicy(route('r', [{ matches: [match('regex', '(')] }]));
const names = (b: Built): string[] => b.model.http1.entries.flatMap(({ rule: { distribution: d } }) => (d.kind === 'first' ? d.backends.map((x) => (x.ref?.kind === 'forward' ? x.ref.endpoint.addr.ip : (x.ref?.path ?? ''))) : []));

describe('destinations', () => {
  it('wait for their policy, and use each that comes', () => {
    const s = setup();
    assert.deepEqual(s.outcome, []);
    s.policy.send(plain);
    s.policy.send(plain);
    assert.deepEqual([s.outcome, s.built.map((b) => [names(b), b.released]), s.updates], [['ready'], [[['a'], true], [['a'], false]], [true, true]]);
    assert.equal(s.built[0]!.budgets, s.built[1]!.budgets);
    s.targets.stop();
    assert.equal(s.built[1]!.released, true);
  });

  it('keep the last good policy when another cannot be followed', () => {
    const s = setup();
    s.policy.send(plain);
    s.policy.send(bad);
    assert.deepEqual([s.built.length, s.built[0]!.released, s.updates], [1, false, [true, false]]);
  });

  it('let nothing pass when the first policy cannot be followed', () => {
    const s = setup();
    s.policy.send(bad);
    assert.deepEqual([s.outcome, s.built[0]!.model.http1.entries[0]!.rule.distribution.kind, s.updates], [['ready'], 'empty', [false]]);
  });

  it('stay with a policy until the backends of the next one are known, or for a second', () => {
    const s = setup();
    s.policy.send(plain);
    s.policy.send(choice);
    assert.deepEqual([s.built.map((b) => b.released), s.updates], [[false, false], [true]]);
    s.built[1]!.heard();
    assert.deepEqual([s.built.map((b) => b.released), s.updates], [[true, false], [true, true]]);
    s.policy.send(choice);
    s.policy.send(choice);
    assert.deepEqual(s.built.map((b) => b.released), [true, false, true, false]);
    s.clock.advance(1000);
    assert.deepEqual(s.built.map((b) => b.released), [true, true, true, false]);
    s.built[2]!.heard();
    assert.deepEqual([s.built.map((b) => b.released), s.updates.length], [[true, true, true, false], 3]);
  });

  it('go by their profile where there is no policy, and straight on where there is neither', () => {
    const s = setup();
    s.policy.end(NOT_FOUND);
    assert.deepEqual(s.outcome, []);
    s.profile.send({ opaqueProtocol: true });
    assert.deepEqual([s.outcome, s.target.routes!.protocol], [['ready'], 'opaque']);
    const other = setup();
    other.profile.end(INVALID_ARGUMENT);
    other.policy.end(NOT_FOUND);
    assert.deepEqual([other.outcome, names(other.built[0]!)], [['ready'], ['10.96.0.1']]);
  });

  it('fail their connections when the control plane says nothing in time, and try on', () => {
    const s = setup();
    s.policy.end(UNAVAILABLE);
    s.clock.advance(10_000);
    assert.deepEqual(s.outcome, ['failed']);
    s.policy.send(plain);
    s.target.whenReady(() => s.outcome.push('ready'), () => {});
    assert.deepEqual(s.outcome, ['failed', 'ready']);
  });

  it('outside the cluster are not asked about', () => {
    const s = setup('203.0.113.1');
    assert.deepEqual([s.outcome, s.calls(), names(s.built[0]!)], [['ready'], 0, ['203.0.113.1']]);
  });

  it('are forgotten when nobody uses them, but not while the control plane is away', () => {
    const s = setup();
    s.policy.send(plain);
    s.profile.end(INVALID_ARGUMENT);
    s.policy.end(UNAVAILABLE);
    s.clock.advance(90_000);
    assert.equal(s.built[0]!.released, false);
    s.policy.send(plain);
    s.clock.advance(90_000);
    assert.equal(s.built[1]!.released, true);
  });
});
