/** Runs that are killed, interrupted or cannot succeed, for real: root on Linux, two minutes. See local.e2e.ts. */
import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../exec.ts';
import { harness, type Harness } from './harness.ts';

/** Milliseconds after which a starting `up` is killed: from before the first file to after DNS. */
const KILL_AFTER = [150, 350, 450, 550, 700, 1000, 1500, 2500, 4000, 6000, 8000, 10_000];

describe('a run of up that is killed', () => {
  let h: Harness;
  before(async () => {
    h = await harness('e2e-killed');
  });
  after(() => h.close());

  for (const delay of KILL_AFTER) {
    it(`after ${delay} ms leaves nothing that down does not remove`, async () => {
      await h.stopped(delay, 'SIGKILL');
      await h.cli('down');
      h.assertGone();
    });
  }

  it('again and again does not keep the next one from its end', async () => {
    for (const delay of KILL_AFTER) await h.stopped(delay, 'SIGKILL');
    await h.cli('up');
    assert.match(await h.kubectl('get', 'nodes'), / Ready /);
  });

  it('together with everything that it started, too', async () => {
    await h.cli('down');
    for (const delay of [1000, 2500, 5000]) {
      await h.stopped(delay, 'SIGKILL');
      const pid = await h.initPid(1);
      if (pid > 0) process.kill(pid, 'SIGKILL');
    }
    await h.cli('up');
    assert.match(await h.kubectl('get', 'nodes'), / Ready /);
  });
});

describe('a run of up that is interrupted', () => {
  let h: Harness;
  before(async () => {
    h = await harness('e2e-stopped');
  });
  after(() => h.close());

  for (const delay of [1500, 3500]) {
    it(`after ${delay} ms takes back what it began`, async () => {
      assert.equal(await h.stopped(delay, 'SIGINT'), 130);
      h.assertGone();
    });
  }
});

describe('two clusters', () => {
  it('run side by side, and one goes without the other', async () => {
    const [one, two] = [await harness('e2e-one'), await harness('e2e-two')];
    await Promise.all([one.cli('up'), two.cli('up')]);
    assert.match(await one.kubectl('get', 'nodes'), /e2e-one-1 +Ready/);
    assert.match(await two.kubectl('get', 'nodes'), /e2e-two-1 +Ready/);
    await one.close();
    assert.match(await two.kubectl('get', 'nodes'), /e2e-two-1 +Ready/);
    await two.close();
  });
});

describe('up that cannot succeed says why in one paragraph and leaves nothing', () => {
  const fails = async (h: Harness, message: RegExp) => {
    const { code, stderr } = await h.result('up');
    assert.equal(code, 1);
    const errors = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('['));
    assert.equal(errors.length, 1, stderr);
    assert.match(errors[0]!, message);
    h.assertGone();
  };

  it('without the capability to make networks', async () => {
    const h = await harness('e2e-nocap', ['setpriv', '--inh-caps', '-all', '--bounding-set', '-net_admin,-sys_admin']);
    await fails(h, /^error: Could not make a network bridge: .*Operation not permitted.*--provider existing\.$/);
    await h.close();
  });

  it('on a full disk', async () => {
    const h = await harness('e2e-full');
    const state = h.env.vars['XDG_STATE_HOME']!;
    await mkdir(state);
    await exec('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'tmpfs', state]);
    await fails(h, /^error: Too little disk space for a local cluster at .*: 100 MiB are free; 500 MiB are needed.*XDG_STATE_HOME/);
    await exec('umount', [state]);
    await h.close();
  });

  it('with an empty cache and no Go', async () => {
    const h = await harness('e2e-nogo');
    h.env.vars['XDG_CACHE_HOME'] = join(h.home, 'cache');
    h.env.vars['PATH'] = '/usr/sbin:/usr/bin:/sbin:/bin';
    if ((await exec('go', ['version'], { env: h.env.vars })).code === 127) await fails(h, /^error: The command go was not found\. .*Install it/);
    assert.deepEqual((await readdir(join(h.home, 'cache', 'kubectl-mesh')).catch(() => [])).filter((entry) => !entry.endsWith('.lock')), []);
    await h.close();
  });
});
