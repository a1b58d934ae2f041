import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImages, rootfsEntries, type BuildOptions, type BuiltImage } from './build.ts';
import { imageCacheDir } from './env.ts';
import { ImageError } from './errors.ts';
import { SPECS } from './images.ts';
import { fileSha256 } from './layers.ts';
import { writeTar } from './tar-write.ts';

const ROOT = new URL('..', import.meta.url).pathname;

describe('image archives', function () {
  // The first run downloads the Debian packages.
  this.timeout(300_000);
  let dir: string;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'images-test-'));
    mkdirSync(join(imageCacheDir(), 'debs'), { recursive: true });
  });
  after(() => { rmSync(dir, { recursive: true }); });

  /** A cache of its own for layers and archives, on the downloads of all. */
  function options(name: string): BuildOptions {
    const cacheDir = join(dir, name);
    mkdirSync(cacheDir);
    for (const shared of ['debs', 'apt']) {
      mkdirSync(join(imageCacheDir(), shared), { recursive: true });
      symlinkSync(join(imageCacheDir(), shared), join(cacheDir, shared));
    }
    return { root: ROOT, cacheDir, arch: process.arch, log: () => {} };
  }
  const json = (image: BuiltImage, path: string) => JSON.parse(execFileSync('tar', ['-xOf', image.file, path], { encoding: 'utf8' })) as never;

  it('have the same bytes when built twice from nothing, and are OCI layout and docker-archive at once', async () => {
    const [first] = await buildImages([SPECS.sample], options('first'));
    const [second] = await buildImages([SPECS.sample], options('second'));
    assert.notEqual(first!.file, second!.file);
    assert.equal(await fileSha256(first!.file), await fileSha256(second!.file));
    assert.equal(first!.id, second!.id);

    const names = execFileSync('tar', ['-tf', first!.file], { encoding: 'utf8' }).trim().split('\n');
    for (const name of names.filter((n) => n.startsWith('blobs/'))) {
      const blob = execFileSync('sh', ['-c', `tar -xOf '${first!.file}' '${name}' | sha256sum`], { encoding: 'utf8' });
      assert.equal(name, `blobs/sha256/${blob.slice(0, 64)}`);
    }
    const [docker] = json(first!, 'manifest.json') as [{ Config: string; RepoTags: string[]; Layers: string[] }];
    const { manifests } = json(first!, 'index.json') as { manifests: [{ digest: string; annotations: Record<string, string> }] };
    const manifest = json(first!, `blobs/sha256/${manifests[0].digest.slice(7)}`) as { config: { digest: string }; layers: { digest: string }[] };
    assert.deepEqual(docker.RepoTags, [first!.ref]);
    assert.equal(manifests[0].annotations['io.containerd.image.name'], first!.ref);
    assert.equal(docker.Config, `blobs/sha256/${first!.id.slice(7)}`);
    assert.equal(manifest.config.digest, first!.id);
    assert.deepEqual(manifest.layers.map((l) => `blobs/sha256/${l.digest.slice(7)}`), docker.Layers);
    const config = json(first!, docker.Config) as { config: { User: string; Entrypoint: string[] }; rootfs: { diff_ids: string[] } };
    assert.equal(config.config.User, String(SPECS.sample.uid));
    assert.deepEqual(config.config.Entrypoint, SPECS.sample.entrypoint);
    assert.deepEqual(config.rootfs.diff_ids, manifest.layers.map((l) => l.digest));
  });

  it('hold all that Node and its program need, and nothing that another user may write', async () => {
    const entries = await rootfsEntries(SPECS.sample, options('rootfs'));
    const root = join(dir, 'root');
    mkdirSync(root);
    execFileSync('tar', ['-x', '--no-same-owner', '-C', root], { input: Buffer.concat([...writeTar(entries)]) });
    const lib = join(root, 'usr', 'lib', process.arch === 'x64' ? 'x86_64-linux-gnu' : 'aarch64-linux-gnu');
    const loader = readdirSync(lib).find((name) => name.startsWith('ld-linux'))!;
    // Only the libraries of the image may be found.
    const inside = (...args: string[]) => spawnSync(join(lib, loader), ['--inhibit-cache', '--library-path', lib, join(root, 'usr/bin/node'), ...args], { encoding: 'utf8' });
    assert.equal(inside('--version').stdout.trim(), process.version);
    const started = inside(join(root, 'app', 'sample.mjs'), 'nothing');
    assert.deepEqual([started.status, started.stderr], [2, 'sample: "nothing" is no role. Roles: web, books, reviews, quotes, flaky, load, report, wait, load --once.\n']);
    const writable = entries.filter((e) => e.type !== 'link' && (e.mode & 0o022) !== 0).map((e) => e.path);
    assert.deepEqual(writable, ['tmp']);
    const privileged = entries.filter((e) => (e.mode & 0o6000) !== 0 || e.capability).map((e) => e.path);
    assert.deepEqual(privileged, []);
  });

  it('give the proxy iptables that need not be root', async () => {
    const entries = await rootfsEntries(SPECS.proxy, options('proxy'));
    const capable = entries.filter((e) => e.capability);
    assert.deepEqual(capable.map((e) => e.path), ['usr/sbin/xtables-legacy-multi', 'usr/sbin/xtables-nft-multi']);
    const tar = join(dir, 'capable.tar');
    writeFileSync(tar, Buffer.concat([...writeTar(capable)]));
    // tar prints the value's bytes as they are: version 2 with the effective bit, then CAP_NET_ADMIN (12) and CAP_NET_RAW (13).
    const listing = execFileSync('tar', ['--list', '--xattrs', '--xattrs-include=*', '-vvv', '-f', tar], { encoding: 'utf8' });
    assert.equal(listing.match(/x: +20 security\.capability/g)?.length, 2, listing);
    assert.equal(capable[0]!.capability!.toString('hex'), '0100000200300000000000000000000000000000');
    for (const name of ['iptables', 'iptables-save', 'ip6tables-restore']) {
      assert.equal(entries.find((e) => e.path === `usr/sbin/${name}`)?.link, name.replace('tables', 'tables-nft'));
    }
  });

  it('say what to do when they cannot be built', async () => {
    await assert.rejects(buildImages([SPECS.sample], { ...options('arch'), arch: 'mips' }), (error: Error) => {
      assert.ok(error instanceof ImageError);
      assert.match(error.message, /no images for the architecture mips; there are for x64 and arm64/);
      return true;
    });
  });
});
