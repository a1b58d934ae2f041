import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fakeExec } from '../fake-exec.ts';
import { ensurePackages, PACKAGES, programOf, withoutServiceStarts } from './packages.ts';

const debian = () => Promise.resolve('PRETTY_NAME="Debian"\nID=debian\n');
const log = () => undefined;

describe('ensurePackages', () => {
  let dir: string;
  let policyFile: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'policy-'));
    policyFile = join(dir, 'policy-rc.d');
  });
  afterEach(() => rm(dir, { recursive: true }));
  const without = (...missing: string[]) => (path: string) => Promise.resolve(!missing.some((name) => PACKAGES[name]!.includes(path)));
  const base = () => ({ log, vars: {}, readOsRelease: debian, policyFile });

  it('does nothing where every program is there', async () => {
    const { run, lines } = fakeExec();
    await ensurePackages({ ...base(), run, isExecutable: () => Promise.resolve(true) });
    assert.deepEqual(lines(), []);
  });

  it('installs what is missing and nothing else, and keeps its services from starting, now and at boot', async () => {
    const { run, calls, lines } = fakeExec();
    let policyDuringInstall = false;
    const watching: typeof run = (command, args, options) => {
      if (args[0] === 'install') policyDuringInstall = existsSync(policyFile);
      return run(command, args, options);
    };
    await ensurePackages({ ...base(), run: watching, isExecutable: without('etcd-server', 'conntrack') });
    assert.deepEqual(lines(), ['apt-get update', 'apt-get install -y --no-install-recommends etcd-server conntrack', 'systemctl disable etcd.service']);
    assert.equal(calls[1]?.options.env?.['DEBIAN_FRONTEND'], 'noninteractive');
    assert.equal(policyDuringInstall, true);
    assert.deepEqual(await readdir(dir), []);
  });

  it('takes Ubuntu for Debian, and says what to install elsewhere', async () => {
    const { run, lines } = fakeExec();
    await ensurePackages({ ...base(), run, isExecutable: without('runc'), readOsRelease: () => Promise.resolve('ID=mint\nID_LIKE="ubuntu debian"\n') });
    assert.equal(lines().length, 2);
    const fedora = { ...base(), run, isExecutable: without('runc', 'tcpdump'), readOsRelease: () => Promise.resolve('ID=fedora\n') };
    await assert.rejects(ensurePackages(fedora), /not Debian or Ubuntu.*packages runc tcpdump;/);
  });

  it('passes on what apt said', async () => {
    const { run } = fakeExec({ 'apt-get install': { code: 100, stderr: 'E: Could not get lock' } });
    await assert.rejects(ensurePackages({ ...base(), run, isExecutable: without('runc') }), /E: Could not get lock\. Run it by hand/);
    assert.deepEqual(await readdir(dir), []);
  });

  it('gives an administrator\'s policy back, also after a killed run', async () => {
    await writeFile(policyFile, 'theirs');
    await withoutServiceStarts(policyFile, async () => assert.notEqual(await readFile(policyFile, 'utf8'), 'theirs'));
    assert.equal(await readFile(policyFile, 'utf8'), 'theirs');
    // Stopped between the two: ours is in place, theirs is put by.
    let ours = '';
    await withoutServiceStarts(policyFile, async () => {
      ours = await readFile(policyFile, 'utf8');
    });
    await writeFile(`${policyFile}.kubectl-mesh-saved`, 'theirs');
    await writeFile(policyFile, ours);
    await withoutServiceStarts(policyFile, () => Promise.resolve());
    assert.equal(await readFile(policyFile, 'utf8'), 'theirs');
    assert.deepEqual(await readdir(dir), ['policy-rc.d']);
  });

  it('knows where a program is', async () => {
    assert.equal(await programOf('runc', (path) => Promise.resolve(path === '/usr/bin/runc')), '/usr/bin/runc');
    assert.equal(await programOf('runc', () => Promise.resolve(false)), undefined);
  });
});
