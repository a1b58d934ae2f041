import assert from 'node:assert/strict';
import { ManualClock } from '../clock.ts';
import { workQueue } from './work-queue.ts';

const turns = async () => { for (let i = 0; i < 10; i++) await Promise.resolve(); };

describe('work queue', () => {
  it('works on each key once at a time, again when asked meanwhile, on few at once', async () => {
    const begun: string[] = [];
    const finish = new Map<string, () => void>();
    const queue = workQueue({
      clock: new ManualClock(),
      concurrency: 2,
      onError: (_, error) => assert.fail(String(error)),
      work: (key) => new Promise((resolve) => {
        begun.push(key);
        finish.set(key, resolve);
      }),
    });
    for (const key of ['a', 'a', 'b', 'c', 'a']) queue.add(key);
    assert.deepEqual(begun, ['a', 'b']);
    queue.add('b');
    finish.get('a')!();
    await turns();
    assert.deepEqual(begun, ['a', 'b', 'c']);
    finish.get('b')!();
    await turns();
    assert.deepEqual(begun, ['a', 'b', 'c', 'a']);
    finish.get('c')!();
    finish.get('a')!();
    await turns();
    assert.deepEqual(begun, ['a', 'b', 'c', 'a', 'b']);
    const stopped = queue.stop();
    queue.add('d');
    finish.get('b')!();
    await stopped;
    assert.equal(begun.length, 5);
  });

  it('tries again what fails, later each time, until it works or is forgotten', async () => {
    const clock = new ManualClock();
    const waits: number[] = [];
    let broken = true;
    let calls = 0;
    const queue = workQueue({
      clock,
      random: () => 0,
      onError: (_, __, wait) => waits.push(wait),
      work: () => {
        calls++;
        return broken ? Promise.reject(new Error('no')) : Promise.resolve();
      },
    });
    queue.add('a');
    for (let i = 0; i < 3; i++) {
      await turns();
      clock.advance(waits.at(-1)!);
    }
    await turns();
    assert.deepEqual(waits, [100, 200, 400, 800]);
    broken = false;
    clock.advance(800);
    await turns();
    assert.equal(calls, 5);
    broken = true;
    queue.add('a');
    await turns();
    assert.equal(waits.at(-1), 100);
    queue.forget('a');
    clock.advance(60_000);
    await turns();
    assert.equal(calls, 6);
    await queue.stop();
  });
});
