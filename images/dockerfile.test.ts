import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rootfsEntries } from './build.ts';
import { renderDockerfile } from './dockerfile.ts';
import { imageCacheDir } from './env.ts';
import { SPECS } from './images.ts';
import type { Entry } from './tar-write.ts';

const ROOT = join(import.meta.dirname, '..');

describe('Dockerfiles', function () {
  this.timeout(300_000);

  for (const spec of Object.values(SPECS)) {
    const file = join(import.meta.dirname, spec.name, 'Dockerfile');

    it(`${spec.name}: says what images.ts says`, () => {
      if (process.env['UPDATE_GOLDEN']) {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, renderDockerfile(spec));
      }
      assert.equal(readFileSync(file, 'utf8'), renderDockerfile(spec));
    });

    it(`${spec.name}: what its build stage copies is enough to make the same files`, async () => {
      // Inside the checkout, so that node_modules can be linked file by file in place of installing it again.
      mkdirSync(join(ROOT, 'dist'), { recursive: true });
      const src = mkdtempSync(join(ROOT, 'dist', 'docker-'));
      try {
        execFileSync('cp', ['-al', join(ROOT, 'node_modules'), join(src, 'node_modules')]);
        for (const [, from, to] of readFileSync(file, 'utf8').matchAll(/^COPY (?!--)(.*) (\S+)$/gm)) {
          for (const path of from!.split(' ')) cpSync(join(ROOT, path), join(src, to!, to === './' ? path : ''), { recursive: true });
        }
        rmSync(join(src, 'api', 'gen'), { recursive: true, force: true });
        const options = { cacheDir: imageCacheDir(), arch: process.arch, log: () => {} };
        const plain = (entries: Entry[]) => entries.map(({ data, ...rest }) => ({ ...rest, bytes: data?.length, latin1: data && data.length < 1e7 ? data.toString('latin1') : '' }));
        const there = await rootfsEntries(spec, { root: src, ...options });
        const here = await rootfsEntries(spec, { root: ROOT, ...options });
        assert.deepEqual(there.map((e) => e.path), here.map((e) => e.path));
        assert.ok(JSON.stringify(plain(there)) === JSON.stringify(plain(here)), 'same paths, other content');
      } finally {
        rmSync(src, { recursive: true });
      }
    });
  }
});
