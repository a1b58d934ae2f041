import assert from 'node:assert/strict';
import { Registry } from '@prometheus-io/client';
import type { Frames, Outgoing } from '../serve/call.ts';
import { streams } from './streams.ts';

const frames = (text: string): Frames => ({ bytes: Buffer.from(text), count: 1 });

function client() {
  const got: string[] = [];
  const failed: unknown[] = [];
  const state = { ready: true };
  const out: Outgoing = {
    send: ({ bytes }) => {
      got.push(bytes.toString());
      return state.ready;
    },
    fail(error) {
      failed.push(error);
      out.onEnd();
    },
    onDrain: () => undefined, onEnd: () => undefined,
  };
  return { got, failed, state, out };
}

describe('streams that are fed', () => {
  it('leave out what comes while the client is behind, and give it the newest', async () => {
    const registry = new Registry();
    let tell: (value: string) => void = () => undefined;
    let stopped = 0;
    const { got, state, out } = client();
    streams('x', registry).feed<string>('Get', out, (listener) => {
      tell = listener;
      listener('a');
      return () => { stopped++; };
    }, (value) => (value === 'same' ? null : frames(value)));
    state.ready = false;
    tell('b');
    tell('c');
    tell('d');
    assert.deepEqual(got, ['a', 'b']);
    state.ready = true;
    out.onDrain();
    tell('same');
    assert.deepEqual(got, ['a', 'b', 'd']);
    assert.match(await registry.metrics(), /mesh_x_streams\{method="Get"\} 1[^]*mesh_x_messages_total\{method="Get"\} 3/);
    out.onEnd();
    assert.equal(stopped, 1);
    assert.match(await registry.metrics(), /mesh_x_streams\{method="Get"\} 0/);
  });

  it('end with what a value leads to, the first one too', () => {
    const { failed, out } = client();
    let stopped = 0;
    streams('x', new Registry()).feed<string>('Get', out, (listener) => {
      listener('a');
      return () => { stopped++; };
    }, () => { throw new Error('no'); });
    assert.deepEqual([failed.length, stopped], [1, 1]);
  });
});
