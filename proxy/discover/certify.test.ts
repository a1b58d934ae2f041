import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import type { Credentials } from '../mesh-tls/credentials.ts';
import type { Log } from '../log.ts';
import { Certifier } from './certify.ts';
import type { Channel } from './watch.ts';

const LOG = { info: () => undefined, warn: () => undefined } as unknown as Log;

describe('certifier', () => {
  it('brings the renewal forward when the trust anchors change, and never puts it off', async () => {
    const clock = new ManualClock(Date.UTC(2026, 0, 1));
    let asked = 0;
    let random = 0.5;
    const channel = { clock, random: () => random } as unknown as Channel;
    const certifier = new Certifier(channel, { name: 'web' } as never, {} as Credentials, () => Promise.resolve(new Uint8Array()), LOG);
    // What is tested here is when, not what: one exchange is replaced by a count and a day's lifetime.
    (certifier as unknown as { renew: () => Promise<number> }).renew = () => Promise.resolve((asked++, 86_400_000));
    certifier.start();
    const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
    await settled();
    assert.equal(asked, 1);
    certifier.renewSoon();
    clock.advance(59_000);
    await settled();
    assert.equal(asked, 1, 'spread over two minutes');
    random = 0.9;
    certifier.renewSoon();
    clock.advance(1_000);
    await settled();
    assert.equal(asked, 2, 'a later date does not replace an earlier one');
    clock.advance(0.69 * 86_400_000);
    await settled();
    assert.equal(asked, 2);
    certifier.stop();
    certifier.renewSoon();
    clock.advance(86_400_000);
    await settled();
    assert.equal(asked, 2, 'nothing after the end');
  });
});
