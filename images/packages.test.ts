import assert from 'node:assert/strict';
import { readLock } from './build.ts';
import { allPackages, parseStanzas } from './packages.ts';

const ROOT = new URL('..', import.meta.url).pathname;

describe('Debian packages of the images', () => {
  it('are all pinned, for both architectures, and nothing else is', async () => {
    const lock = await readLock(ROOT);
    assert.deepEqual(Object.keys(lock), ['amd64', 'arm64']);
    for (const packages of Object.values(lock)) {
      assert.deepEqual(Object.keys(packages), allPackages());
      for (const [name, { version, sha256 }] of Object.entries(packages)) {
        assert.match(version, /^[0-9][\w.+~:-]*$/, name);
        assert.match(sha256, /^[0-9a-f]{64}$/, name);
      }
    }
  });

  it('are read from control stanzas', () => {
    const sum = 'a'.repeat(64);
    const text = `Package: libx\nVersion: 1:2-3\nDescription: a\n thing\nSHA256: ${sum}\n\nPackage: half\nVersion: 1\n`;
    assert.deepEqual(parseStanzas(text), { libx: { version: '1:2-3', sha256: sum } });
  });
});
