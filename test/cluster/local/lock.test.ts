import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterError } from '../provider.ts';
import { locked } from './lock.ts';

const log = () => undefined;

describe('locked', () => {
  let dir: string;
  let path: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lock-'));
    path = join(dir, 'sub', 'lock');
  });
  after(() => rm(dir, { recursive: true }));

  it('lets one in at a time, also while the file comes and goes', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, (_, i) => locked(path, log, work, { remove: i % 2 === 0 })));
    assert.equal(most, 1);
  });

  it('is free again after a failure, and after a removal', async () => {
    await assert.rejects(locked(path, log, () => Promise.reject(new Error('no')), { remove: true }), /no/);
    assert.equal(existsSync(path), false);
    assert.equal(await locked(path, log, () => Promise.resolve(5)), 5);
  });

  it('is free again when its holder is killed', async () => {
    const script = `import { locked } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
      await locked(${JSON.stringify(path)}, () => undefined, () => new Promise(() => { console.log('held'); setInterval(() => undefined, 1000); }));`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    holder.kill('SIGKILL');
    assert.equal(await locked(path, log, () => Promise.resolve('mine')), 'mine');
  });

  it('stops waiting when told to, without taking the lock', async () => {
    const controller = new AbortController();
    await locked(path, log, async () => {
      const waiting = locked(path, log, () => assert.fail('it got the lock'), { signal: controller.signal });
      controller.abort();
      await assert.rejects(waiting, /Interrupted/);
    });
    assert.equal(await locked(path, log, () => Promise.resolve(1)), 1);
  });

  it('says when the lock cannot be made', async () => {
    for (const impossible of [join(path, 'below-a-file'), dir]) {
      await assert.rejects(locked(impossible, log, () => Promise.resolve()), (error) => error instanceof ClusterError && error.message.startsWith(`Could not lock ${impossible}`));
    }
  });
});
