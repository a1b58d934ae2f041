import assert from 'node:assert/strict';
import { chooseName, thisMachine, type Machine } from './choose.ts';
import { fakeExec } from './fake-exec.ts';

function machine(facts: { platform?: string; uid?: number; programs?: string[]; docker?: boolean }): Machine {
  return {
    platform: facts.platform ?? 'linux',
    uid: facts.uid ?? 1000,
    has: (program) => Promise.resolve((facts.programs ?? []).includes(program)),
    dockerAnswers: () => Promise.resolve(facts.docker ?? false),
  };
}

describe('chooseName', () => {
  it('takes kind where Docker answers and kind is there, even for root', async () => {
    assert.equal(await chooseName({}, machine({ programs: ['docker', 'kind'], docker: true, uid: 0 })), 'kind');
  });

  it('takes local for root on Linux otherwise', async () => {
    assert.equal(await chooseName({}, machine({ uid: 0 })), 'local');
    assert.equal(await chooseName({}, machine({ uid: 0, programs: ['docker', 'kind'] })), 'local');
    assert.equal(await chooseName({}, machine({ uid: 0, programs: ['docker'], docker: true })), 'local');
  });

  it('obeys', async () => {
    for (const provider of ['local', 'kind', 'existing'] as const) assert.equal(await chooseName({ provider }, machine({})), provider);
  });

  it('says what is missing and what to do', async () => {
    await assert.rejects(chooseName({}, machine({})), /no Docker daemon answers, and this user is not root\. .*--provider local.*--provider existing/);
    await assert.rejects(chooseName({}, machine({ platform: 'darwin', programs: ['docker'], docker: true })), /kind is not on PATH, and this is not Linux/);
  });

  it('never takes an existing cluster by itself', async () => {
    await assert.rejects(chooseName({ kubeconfig: 'x' }, machine({ uid: 0 })), /--provider existing/);
    await assert.rejects(chooseName({ context: 'x' }, machine({ uid: 0 })), /--provider existing/);
  });
});

describe('thisMachine', () => {
  it('finds programs on the given PATH only, and asks the Docker daemon, not the client', async () => {
    const { run, lines } = fakeExec({ docker: { code: 1 } });
    const facts = thisMachine({ cacheDir: '', clustersDir: '', vars: { PATH: '/nowhere:/bin:/usr/bin' } }, run);
    assert.equal(await facts.has('sh'), true);
    assert.equal(await facts.has('kubectl-mesh-no-such-program'), false);
    assert.equal(await facts.dockerAnswers(), false);
    assert.deepEqual(lines(), ['docker version --format {{.Server.Version}}']);
  });
});
