import assert from 'node:assert/strict';
import { ProxyError, type ErrorCode } from '../errors.ts';
import { ResponseHead } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { respondError } from '../respond.ts';
import { FakeClient, FakeNext, get, write, type FakeCall } from './fakes.testkit.ts';
import { withFailover, type Choice } from './failover.ts';

const fail = (call: FakeCall, code: ErrorCode): void => respondError(call.head, call.answer, new ProxyError(code));

function setup(usable = [true, true, true]): { backends: FakeNext[]; choices: Choice[]; client: FakeClient; send: (ended?: boolean) => ReturnType<typeof withFailover> } {
  const backends = usable.map(() => new FakeNext());
  const choices = backends.map((b, i) => ({ service: b.service, usable: () => usable[i]! }));
  const client = new FakeClient();
  return { backends, choices, client, send: (ended = true) => withFailover(choices, choices[0]!, get(), ended, client) };
}

describe('failover between backends', () => {
  it('takes a request on with its body, once to each backend that is usable', () => {
    const t = setup([true, false, true]);
    const up = t.send(false);
    write(up, 'one');
    fail(t.backends[0]!.last, 'FAIL_FAST');
    write(up, 'two');
    up.end(null);
    assert.deepEqual([t.backends.map((b) => b.calls.length), t.backends[2]!.last.body, t.backends[2]!.last.ended], [[1, 0, 1], 'onetwo', true]);
    fail(t.backends[2]!.last, 'CONNECT');
    assert.deepEqual([t.client.status, t.client.ended, t.backends.map((b) => b.calls.length)], [502, true, [1, 0, 1]]);
  });

  it('does so at once when the first backend fails at once', () => {
    const t = setup();
    t.backends[0]!.atOnce = (call) => fail(call, 'NO_ENDPOINTS');
    const up = t.send(false);
    write(up, 'body');
    up.end(null);
    assert.deepEqual([t.backends[1]!.last.body, t.backends[1]!.last.ended, t.backends[0]!.last.body], ['body', true, '']);
    t.backends[1]!.last.answer.head(new ResponseHead(200, []));
    t.backends[1]!.last.answer.end(null);
    assert.deepEqual([t.client.status, t.client.ended], [200, true]);
  });

  it('leaves alone what may have been processed, what the backend said itself, and what is too large to keep', () => {
    for (const code of ['IO', 'LOAD_SHED', 'REQUEST_TIMEOUT', 'INJECTED', 'NO_BACKEND'] as const) {
      const t = setup();
      t.send();
      fail(t.backends[0]!.last, code);
      assert.equal(t.backends[1]!.calls.length, 0, code);
    }
    const own = setup();
    own.send();
    own.backends[0]!.last.answer.head(new ResponseHead(503, []));
    own.backends[0]!.last.answer.end(null);
    assert.deepEqual([own.client.status, own.backends[1]!.calls.length], [503, 0]);
    const large = setup();
    write(large.send(false), 'x'.repeat(70_000));
    fail(large.backends[0]!.last, 'CONNECT');
    assert.deepEqual([large.client.status, large.backends[1]!.calls.length], [502, 0]);
  });

  it('gives credit for a byte once, and hears no more of a backend that it has left', () => {
    const t = setup();
    const up = t.send(false);
    write(up, 'four');
    t.backends[0]!.last.answer.credit(4);
    fail(t.backends[0]!.last, 'CONNECT');
    t.backends[0]!.last.answer.reset(RESET.noError);
    t.backends[1]!.last.answer.credit(4);
    assert.deepEqual([t.client.credited, t.client.resets], [4, []]);
    write(up, 'more');
    t.backends[1]!.last.answer.credit(4);
    assert.equal(t.client.credited, 8);
    up.reset(RESET.cancel);
    assert.deepEqual([t.backends[0]!.last.resets, t.backends[1]!.last.resets], [[], [RESET.cancel]]);
  });

  it('stays out of the way of tunnels', () => {
    const t = setup();
    const up = withFailover(t.choices, t.choices[0]!, Object.assign(get(), { upgrade: 'websocket' }), false, t.client);
    assert.equal(up, t.backends[0]!.last);
  });
});
