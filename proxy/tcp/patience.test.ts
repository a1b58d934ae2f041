import assert from 'node:assert/strict';
import net from 'node:net';
import { ManualClock } from '../../lib/clock.ts';
import { inherit, setUserTimeout, unheardMs, userTimeout } from './options.ts';
import { Patience, type Side } from './patience.ts';

async function pair(userTimeoutMs: number): Promise<{ accepted: net.Socket; close: () => void }> {
  let take: (s: net.Socket) => void;
  const accepted = new Promise<net.Socket>((r) => { take = r; });
  const server = net.createServer((s) => take(s));
  await new Promise<void>((r) => { server.listen(0, '127.0.0.1', r); });
  inherit(server, { keepAliveMs: 10_000, userTimeoutMs });
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const a = await accepted;
  return {
    accepted: a,
    close() {
      for (const s of [a, client]) s.destroy();
      server.close();
    },
  };
}

describe('TCP options', () => {
  it('are inherited by the connections of a listener', async () => {
    const p = await pair(30_000);
    assert.equal(userTimeout(p.accepted), 30_000);
    p.close();
    const none = await pair(0);
    assert.equal(userTimeout(none.accepted), 0);
    none.close();
  });

  it('can be set and asked on what is gone, to no effect', async () => {
    const p = await pair(30_000);
    p.close();
    setUserTimeout(p.accepted, 5);
    assert.deepEqual([userTimeout(p.accepted), unheardMs(p.accepted)], [0, 0]);
  });
});

describe('patience', () => {
  it('takes the kernel\'s timeout off forwarded connections that last, and ends none that are well', async () => {
    const clock = new ManualClock();
    const [timed, plain] = [await pair(30_000), await pair(0)];
    const gone: string[] = [];
    const sides = [timed, plain].map(({ accepted }): Side => ({ socket: accepted, patienceMs: -1, giveUp: (why) => gone.push(why) }));
    const patience = new Patience(clock, 30_000, () => sides);
    clock.advance(7_400);
    assert.equal(userTimeout(timed.accepted), 30_000, 'short connections cost nothing');
    clock.advance(200);
    assert.equal(userTimeout(timed.accepted), 0);
    assert.deepEqual(sides.map((s) => s.patienceMs), [30_000, 0]);
    clock.advance(60_000);
    assert.deepEqual(gone, []);
    patience.stop();
    for (const p of [timed, plain]) p.close();
  });
});
