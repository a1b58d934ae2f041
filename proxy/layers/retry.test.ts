import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { ProxyError } from '../errors.ts';
import { RequestHead, ResponseHead, type Fields, type RequestStream } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { respondError } from '../respond.ts';
import { pauseMs, retryAfterMs } from './backoff.ts';
import { RetryBudget } from './budget.ts';
import { FakeClient, FakeNext, get, write } from './fakes.testkit.ts';
import { retry, type RetryConfig } from './retry.ts';

const GRPC: Fields = ['content-type', 'application/grpc'];

interface Setup { clock: ManualClock; next: FakeNext; client: FakeClient; events: string[]; send: (head?: RequestHead, bodiless?: boolean) => RequestStream; answer: (status: number, fields?: Fields) => void }

function setup(more: Partial<RetryConfig> = {}): Setup {
  const clock = new ManualClock();
  const next = new FakeNext();
  const client = new FakeClient();
  const events: string[] = [];
  const service = retry({
    clock, random: () => 0, maxRetries: 2, maxRequestBytes: 10, perTryMs: 0, backoff: { minMs: 25, maxMs: 250, jitter: 0, respectRetryAfter: false },
    retryable: (status, grpc, none) => status >= 500 || grpc === 14 || none, budget: null, fail: respondError,
    onRetry: () => events.push('retry'), onSuccess: () => events.push('success'), onLimit: () => events.push('limit'), onOverflow: () => events.push('overflow'),
    ...more,
  })(next.service);
  return {
    clock, next, client, events,
    send: (head = get(), bodiless = true) => service(head, bodiless, client),
    answer: (status, fields = []) => {
      next.last.answer.head(new ResponseHead(status, fields.slice()));
      next.last.answer.end(null);
    },
  };
}

describe('retry', () => {
  it('passes a good answer on, and sends a bad one again after a pause that doubles', () => {
    const t = setup();
    t.send();
    t.answer(503);
    t.clock.advance(24);
    assert.equal(t.next.calls.length, 1);
    t.clock.advance(1);
    assert.equal(t.next.calls.length, 2);
    t.answer(500);
    t.clock.advance(49);
    assert.equal(t.next.calls.length, 2);
    t.clock.advance(1);
    t.answer(200);
    assert.deepEqual([t.client.status, t.client.ended, t.next.calls.length, t.events], [200, true, 3, ['retry', 'retry', 'success']]);
  });

  it('gives the client the last answer when every retry is used', () => {
    const t = setup({ maxRetries: 1 });
    t.send();
    t.answer(503);
    t.clock.advance(25);
    t.answer(502);
    assert.deepEqual([t.client.status, t.next.calls.length, t.events], [502, 2, ['retry', 'limit']]);
  });

  it('sends the body again, what comes later too, and gives credit for it once', () => {
    const t = setup();
    const up = t.send(new RequestHead('POST', 'http', 'shop', '/', []), false);
    write(up, 'abc');
    t.next.last.answer.credit(3);
    t.answer(503);
    write(up, 'de');
    t.clock.advance(25);
    write(up, 'f');
    up.end(null);
    assert.deepEqual([t.next.last.body, t.next.last.ended], ['abcdef', true]);
    t.next.last.answer.credit(6);
    t.answer(200);
    assert.deepEqual([t.client.status, t.client.credited], [200, 6]);
  });

  it('stops a try that is still being sent, and reads the rest of an answer away until the next one', () => {
    const t = setup();
    const up = t.send(new RequestHead('POST', 'http', 'shop', '/', []), false);
    write(up, 'abc');
    t.next.last.answer.head(new ResponseHead(503, []));
    assert.deepEqual(t.next.calls[0]!.resets, [RESET.cancel]);
    t.clock.advance(25);
    up.end(null);
    t.next.last.answer.head(new ResponseHead(503, []));
    const second = t.next.last;
    write(second.answer, 'sorry');
    assert.deepEqual([second.credited, second.resets], [5, []]);
    t.clock.advance(50);
    assert.deepEqual(second.resets, [RESET.cancel]);
    t.answer(200);
    assert.deepEqual([t.client.status, t.client.body], [200, '']);
  });

  it('does not repeat a body that is larger than the bound, announced or not', () => {
    const announced = setup();
    announced.send(new RequestHead('POST', 'http', 'shop', '/', [], 11), false);
    announced.answer(503);
    const found = setup();
    write(found.send(new RequestHead('POST', 'http', 'shop', '/', []), false), '0123456789a');
    found.answer(503);
    for (const t of [announced, found]) {
      t.clock.advance(1000);
      assert.deepEqual([t.client.status, t.next.calls.length, t.events], [503, 1, []]);
    }
  });

  it('does not repeat what the client has seen a part of, and leaves tunnels alone', () => {
    const t = setup();
    t.send();
    t.next.last.answer.head(new ResponseHead(200, []));
    write(t.next.last.answer, 'x');
    t.next.last.answer.reset(RESET.io);
    assert.deepEqual([t.client.resets, t.next.calls.length], [[RESET.io], 1]);
    const tunnel = setup();
    tunnel.send(Object.assign(get(), { upgrade: 'websocket' }), false);
    tunnel.answer(503);
    assert.equal(tunnel.client.status, 503);
  });

  it('judges gRPC by the status in the head or in trailers that follow it', () => {
    const head = setup();
    head.send(get(GRPC));
    head.answer(200, [...GRPC, 'grpc-status', '14']);
    const trailers = setup();
    trailers.send(get(GRPC));
    trailers.next.last.answer.head(new ResponseHead(200, GRPC.slice()));
    assert.equal(trailers.client.status, 0, 'the head waits');
    trailers.next.last.answer.end(['grpc-status', '14']);
    for (const t of [head, trailers]) {
      t.clock.advance(25);
      assert.equal(t.next.calls.length, 2);
      t.next.last.answer.head(new ResponseHead(200, GRPC.slice()));
      write(t.next.last.answer, 'message');
      t.next.last.answer.end(['grpc-status', '14']);
      assert.deepEqual([t.client.status, t.client.body, t.client.trailers, t.events], [200, 'message', ['grpc-status', '14'], ['retry', 'success']]);
    }
  });

  it('holds the head of a gRPC stream for a moment only, and never before the client has sent all', () => {
    const t = setup();
    t.send(get(GRPC));
    t.next.last.answer.head(new ResponseHead(200, GRPC.slice()));
    t.clock.advance(20);
    assert.equal(t.client.status, 200);
    const open = setup();
    open.send(get(GRPC), false);
    open.next.last.answer.head(new ResponseHead(200, GRPC.slice()));
    assert.equal(open.client.status, 200);
  });

  it('takes an error of this proxy for no response, unless it says that there is no endpoint', () => {
    const t = setup({ retryable: (_s, _g, none) => none });
    t.send();
    respondError(get(), t.next.last.answer, new ProxyError('IO'));
    t.clock.advance(25);
    assert.equal(t.next.calls.length, 2);
    t.next.last.answer.reset(RESET.io);
    t.clock.advance(50);
    assert.equal(t.next.calls.length, 3);
    const none = setup();
    none.send();
    respondError(get(), none.next.last.answer, new ProxyError('FAIL_FAST'));
    none.clock.advance(1000);
    assert.deepEqual([none.client.status, none.next.calls.length], [503, 1]);
  });

  it('limits the time of each try, and says so when it was the last', () => {
    const t = setup({ perTryMs: 100, maxRetries: 1 });
    t.send();
    t.clock.advance(100);
    assert.deepEqual(t.next.calls[0]!.resets, [RESET.timeout]);
    t.clock.advance(25);
    t.next.calls[0]!.answer.head(new ResponseHead(200, []));
    assert.equal(t.client.status, 0, 'a try that was given up is not heard');
    t.clock.advance(100);
    assert.deepEqual([t.client.status, t.client.ended, t.next.calls.length, t.events], [504, true, 2, ['retry', 'limit']]);
    t.clock.advance(1000);
    assert.equal(t.next.calls.length, 2);
  });

  it('does not limit a response that has begun', () => {
    const t = setup({ perTryMs: 100 });
    t.send();
    t.next.last.answer.head(new ResponseHead(200, []));
    t.clock.advance(1000);
    t.next.last.answer.end(null);
    assert.deepEqual([t.client.ended, t.client.resets], [true, []]);
  });

  it('ends with the client: the try, or the pause before one', () => {
    const t = setup();
    t.send().reset(RESET.cancel);
    assert.deepEqual(t.next.last.resets, [RESET.cancel]);
    const pausing = setup();
    const up = pausing.send();
    pausing.answer(503);
    up.reset(RESET.cancel);
    pausing.clock.advance(1000);
    assert.equal(pausing.next.calls.length, 1);
  });

  it('says 100 once, and other informational answers as they come', () => {
    const t = setup();
    t.send();
    t.next.last.answer.informational(new ResponseHead(100, []));
    t.answer(503);
    t.clock.advance(25);
    t.next.last.answer.informational(new ResponseHead(100, []));
    t.next.last.answer.informational(new ResponseHead(103, []));
    assert.deepEqual(t.client.informationals, [100, 103]);
  });

  it('stops when the budget is used up, and works with answers that come at once', () => {
    const clock = new ManualClock();
    const budget = new RetryBudget({ clock, ratio: 0, minPerSecond: 1, windowMs: 1000 });
    const t = setup({ clock, budget });
    t.next.atOnce = (c) => {
      c.answer.head(new ResponseHead(503, []));
      c.answer.end(null);
    };
    t.send();
    clock.advance(25);
    assert.deepEqual([t.client.status, t.next.calls.length, t.events], [503, 2, ['retry', 'overflow']]);
  });

  it('pauses as long as Retry-After says, within its bounds', () => {
    const t = setup({ backoff: { minMs: 25, maxMs: 5000, jitter: 0, respectRetryAfter: true } });
    t.send();
    t.answer(503, ['retry-after', '2']);
    t.clock.advance(1999);
    assert.equal(t.next.calls.length, 1);
    t.clock.advance(1);
    assert.equal(t.next.calls.length, 2);
  });
});

describe('backoff', () => {
  it('doubles within its bounds and adds jitter', () => {
    const b = { minMs: 10, maxMs: 35, jitter: 0.5, respectRetryAfter: true };
    assert.deepEqual([1, 2, 3, 9].map((n) => pauseMs(b, n, -1, () => 0)), [10, 20, 35, 35]);
    assert.equal(pauseMs(b, 1, -1, () => 1), 15);
    assert.deepEqual([pauseMs(b, 1, 1, () => 0), pauseMs(b, 1, 9999, () => 0)], [10, 35]);
  });

  it('reads Retry-After as seconds or date', () => {
    const clock = new ManualClock(Date.UTC(2024, 0, 1));
    const at = (v: string): number => retryAfterMs(['retry-after', v], clock);
    assert.deepEqual([at('3'), at('Mon, 01 Jan 2024 00:00:05 GMT'), at('Sun, 31 Dec 2023 00:00:00 GMT'), at('soon'), at('-1'), retryAfterMs([], clock)], [3000, 5000, 0, -1, -1, -1]);
  });
});
