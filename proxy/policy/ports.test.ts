import assert from 'node:assert/strict';
import * as t from '../../api/gen/tables.ts';
import { ManualClock } from '../../lib/clock.ts';
import { frame } from '../../lib/grpc/frame.ts';
import { encode, type Init } from '../../lib/grpc/wire.ts';
import type { Server } from '../../api/gen/inbound_pb.js';
import { FakeNext } from '../layers/fakes.testkit.ts';
import { Log } from '../log.ts';
import { ResponseHead } from '../message/contract.ts';
import { defaultRules } from './authorize.ts';
import { PortPolicy } from './inbound.ts';
import { PortPolicies } from './ports.ts';

interface Setup { ports: PortPolicies; clock: ManualClock; say: (server: Init<Server>) => void; end: (status: number) => void; bad: () => number; beyond: () => number; next: FakeNext }

function setup(declared: number[] = []): Setup {
  const clock = new ManualClock();
  const next = new FakeNext();
  let bad = 0;
  let beyond = 0;
  const ports = new PortPolicies({
    clock, channel: { service: next.service, authority: 'policy', clock, random: () => 0.5 }, workload: '{}', firstMs: 1000, idleMs: 90_000, beyond: new PortPolicy('detect', { srv_name: 'beyond' }, defaultRules('deny', [])), onBeyond: () => { beyond++; }, log: new Log('error', () => {}, () => 0),
    fallback: () => new PortPolicy('detect', { srv_name: 'fallback' }, defaultRules('deny', [])), onBadPolicy: () => { bad++; },
  }, declared);
  let begun: unknown = null;
  const begin = (): void => {
    if (begun === next.last) return;
    begun = next.last;
    next.last.answer.head(new ResponseHead(200, ['content-type', 'application/grpc']));
  };
  return {
    ports, clock, next, bad: () => bad, beyond: () => beyond,
    say: (server) => {
      begin();
      const b = frame(encode(t.inbound_Server, server));
      next.last.answer.data(b, 0, b.length);
    },
    end: (status) => {
      begin();
      next.last.answer.end(['grpc-status', String(status)]);
    },
  };
}

const named = (name: string, more: Partial<Init<Server>> = {}): Init<Server> => ({ labels: { name }, ...more });

describe('policies of ports', () => {
  const nameOf = (s: Setup): string | undefined => s.ports.get(80).labels['srv_name'];

  it('are waited for by the first connection, for a while', () => {
    const s = setup();
    let went = 0;
    s.ports.whenKnown(80, () => { went++; });
    s.ports.whenKnown(81, () => { went++; });
    assert.equal(went, 0);
    s.say(named('told'));
    assert.equal(went, 1);
    s.clock.advance(1000);
    assert.equal(went, 2);
    s.ports.whenKnown(80, () => { went++; });
    assert.equal(went, 3);
    assert.deepEqual([s.ports.get(80).labels['srv_name'], s.ports.get(81).labels['srv_name']], ['fallback', 'told'], 'the last stream is that of 81');
  });

  it('stay when the control plane goes away or sends what cannot be followed, and go when it says that there is none', () => {
    const s = setup();
    s.ports.get(80);
    assert.equal(nameOf(s), 'fallback');
    let changes = 0;
    const stop = s.ports.onChange(80, () => { changes++; });
    s.say(named('one'));
    assert.equal(nameOf(s), 'one');
    s.say(named('bad', { authorizations: [{ requests: [{ path: { kind: { case: 'regex', value: '(' } }, headers: [], queryParams: [] }] }] }));
    assert.deepEqual([nameOf(s), s.bad(), changes], ['one', 1, 1]);
    s.end(14);
    assert.equal(nameOf(s), 'one');
    s.clock.advance(60_000);
    s.say(named('two'));
    assert.equal(nameOf(s), 'two');
    stop();
    s.end(5);
    assert.deepEqual([nameOf(s), changes], ['fallback', 2]);
  });

  it('are kept for so many ports: those that nobody uses make room, and when there are none, nobody gets in', () => {
    const s = setup([80]);
    const ends: (() => void)[] = [];
    for (let port = 1000; port < 1255; port++) {
      s.ports.get(port);
      ends.push(s.ports.connected(port));
      s.clock.advance(1);
    }
    assert.equal(s.ports.get(9999).labels['srv_name'], 'beyond');
    assert.equal(s.beyond(), 1);
    ends[7]!();
    s.clock.advance(1);
    ends[3]!();
    assert.equal(s.ports.get(9999).labels['srv_name'], 'fallback', 'in place of the one that has been idle for longest');
    const calls = s.next.calls.length;
    s.ports.get(1003);
    assert.equal(s.next.calls.length, calls, 'idle as long, and not the first to go');
    s.ports.get(1007);
    assert.equal(s.next.calls.length, calls + 1);
    s.ports.get(80);
    assert.equal(s.next.calls.length, calls + 1, 'what the pod declares stays');
  });

  it('are forgotten when no connection has used them for a while, and asked for anew', () => {
    const s = setup();
    s.ports.get(80);
    s.say(named('one'));
    const end = s.ports.connected(80);
    s.clock.advance(200_000);
    assert.equal(nameOf(s), 'one');
    end();
    s.clock.advance(200_000);
    assert.equal(nameOf(s), 'fallback');
  });
});
