import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { RequestHead, ResponseHead, field, type RequestStream } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { respondError } from '../respond.ts';
import { FakeClient, FakeNext, get, write } from './fakes.testkit.ts';
import { timeouts } from './timeouts.ts';

interface Setup { clock: ManualClock; next: FakeNext; client: FakeClient; send: (head?: RequestHead, bodiless?: boolean) => RequestStream }

function setup(ms: { requestMs?: number; responseMs?: number; idleMs?: number }): Setup {
  const clock = new ManualClock();
  const next = new FakeNext();
  const client = new FakeClient();
  const service = timeouts({ clock, requestMs: 0, responseMs: 0, idleMs: 0, ...ms, fail: respondError })(next.service);
  return { clock, next, client, send: (head = get(), bodiless = true) => service(head, bodiless, client) };
}

describe('timeouts', () => {
  it('answers 504 when there is no response in time, and hears nothing of it later', () => {
    for (const ms of [{ requestMs: 100 }, { responseMs: 100 }, { idleMs: 100 }]) {
      const t = setup(ms);
      t.send();
      t.clock.advance(99);
      assert.equal(t.client.status, 0);
      t.clock.advance(1);
      assert.deepEqual([t.client.status, t.client.ended, t.client.resets, t.next.last.resets], [504, true, [], [RESET.timeout]]);
      t.next.last.answer.head(new ResponseHead(200, []));
      t.next.last.answer.reset(RESET.io);
      assert.deepEqual([t.client.status, t.client.resets], [504, []]);
    }
  });

  it('answers gRPC with DEADLINE_EXCEEDED', () => {
    const t = setup({ requestMs: 100 });
    t.send(get(['content-type', 'application/grpc']));
    t.clock.advance(100);
    assert.deepEqual([t.client.status, field(t.client.fields, 'grpc-status')], [200, '4']);
  });

  it('resets what has begun to answer, and says which time was up', () => {
    for (const [ms, label] of [[{ requestMs: 100 }, 'REQUEST_TIMEOUT'], [{ responseMs: 100 }, 'RESPONSE_STREAM_TIMEOUT'], [{ idleMs: 100 }, 'IDLE_TIMEOUT']] as const) {
      const t = setup(ms);
      t.send();
      t.next.last.answer.head(new ResponseHead(200, []));
      t.clock.advance(100);
      assert.deepEqual([t.client.resets.map((r) => r.label), t.next.last.resets], [[label], [RESET.timeout]]);
    }
  });

  it('counts the response from the end of the request', () => {
    const t = setup({ responseMs: 100 });
    const up = t.send(new RequestHead('POST', 'http', 'shop', '/', []), false);
    t.clock.advance(500);
    up.end(null);
    t.clock.advance(99);
    assert.equal(t.client.status, 0);
    t.clock.advance(1);
    assert.equal(t.client.status, 504);
  });

  it('without a body is bounded by the shortest of the times', () => {
    for (const [requestMs, responseMs, idleMs, code] of [[100, 0, 0, 'request'], [0, 100, 0, 'response'], [300, 100, 200, 'response'], [100, 100, 100, 'request'], [300, 200, 100, 'nothing'], [0, 0, 100, 'nothing']] as const) {
      const clock = new ManualClock();
      const next = new FakeNext();
      const client = new FakeClient();
      let said = '';
      timeouts({ clock, requestMs, responseMs, idleMs, fail: (_h, _a, e) => { said = e.message; } })(next.service)(get(), true, client);
      clock.advance(98);
      assert.equal(said, '');
      clock.advance(4);
      assert.match(said, new RegExp(code));
    }
  });

  it('tells a client that is still sending to stop', () => {
    const t = setup({ requestMs: 100 });
    const up = t.send(new RequestHead('POST', 'http', 'shop', '/', []), false);
    t.clock.advance(100);
    assert.deepEqual([t.client.status, t.client.resets], [504, [RESET.noError]]);
    write(up, 'late');
    up.end(null);
    assert.deepEqual([t.next.last.body, t.next.last.ended], ['', false]);
  });

  it('is idle only without bytes in both directions', () => {
    const t = setup({ idleMs: 100 });
    const up = t.send(new RequestHead('POST', 'http', 'shop', '/', []), false);
    for (let i = 0; i < 5; i++) {
      t.clock.advance(80);
      write(up, 'x');
    }
    up.end(null);
    t.next.last.answer.head(new ResponseHead(200, []));
    for (let i = 0; i < 5; i++) {
      t.clock.advance(80);
      write(t.next.last.answer, 'y');
    }
    assert.deepEqual([t.client.resets, t.client.body], [[], 'yyyyy']);
    t.clock.advance(100);
    assert.equal(t.client.resets.length, 1);
  });

  it('lets an exchange that is over alone, whoever ended it', () => {
    const all = { requestMs: 100, responseMs: 100, idleMs: 100 };
    const answered = setup(all);
    answered.send();
    answered.next.last.answer.head(new ResponseHead(200, []));
    answered.next.last.answer.end(null);
    const atOnce = setup(all);
    atOnce.next.atOnce = (c) => {
      c.answer.head(new ResponseHead(200, []));
      c.answer.end(null);
    };
    atOnce.send();
    const early = setup(all);
    const up = early.send(get(), false);
    early.next.last.answer.head(new ResponseHead(200, []));
    early.next.last.answer.end(null);
    up.end(null);
    const left = setup(all);
    left.send().reset(RESET.cancel);
    assert.deepEqual(left.next.last.resets, [RESET.cancel]);
    const broken = setup(all);
    broken.send();
    broken.next.last.answer.reset(RESET.io);
    for (const t of [answered, atOnce, early, left, broken]) {
      const before = [t.client.status, t.client.resets.length, t.next.last.resets.length];
      t.clock.advance(1000);
      assert.deepEqual([t.client.status, t.client.resets.length, t.next.last.resets.length], before);
    }
  });

  it('leaves an open tunnel only the idle timeout', () => {
    const t = setup({ requestMs: 100, responseMs: 100, idleMs: 300 });
    const up = t.send(Object.assign(get(), { upgrade: 'websocket' }), false);
    t.next.last.answer.head(new ResponseHead(101, []));
    t.clock.advance(200);
    write(up, 'ping');
    t.clock.advance(200);
    assert.deepEqual(t.client.resets, []);
    t.clock.advance(100);
    assert.equal(t.client.resets.length, 1);
    const refused = setup({ responseMs: 100 });
    refused.send(Object.assign(get(), { upgrade: 'websocket' }), false);
    refused.clock.advance(100);
    assert.deepEqual([refused.client.status, refused.client.resets], [504, []]);
  });
});
