import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { readTar } from './tar-read.ts';
import { writeTar, type Entry } from './tar-write.ts';

const tarOf = (entries: Entry[]) => Buffer.concat([...writeTar(entries)]);
const files = (entries: Entry[]) => entries.filter((e) => e.type !== 'dir').sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));

/** Paths that do not run into one another: each under a folder of its own. */
const entries = fc.array(fc.record({
  name: fc.stringMatching(/^[a-zé0-9._-]{1,120}$/).filter((s) => s !== '.' && s !== '..'),
  mode: fc.constantFrom(0o644, 0o755, 0o600),
  content: fc.oneof(fc.uint8Array({ maxLength: 1500 }), fc.stringMatching(/^[a-z/]{1,150}$/)),
}), { maxLength: 8 }).map((list) => list.map(({ name, mode, content }, i): Entry => {
  const path = `dir${i}/${name}`;
  return typeof content === 'string' ? { path, type: 'link', mode: 0o777, link: content } : { path, type: 'file', mode, data: Buffer.from(content) };
}));

describe('tar', () => {
  let dir: string;
  beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'tar-test-')); });
  afterEach(() => { rmSync(dir, { recursive: true }); });

  it('reads back what it wrote', () => {
    fc.assert(fc.property(entries, (list) => {
      assert.deepEqual(files(readTar(tarOf(list))), files(list));
    }));
  });

  it('is read alike by GNU tar, long names and extended attributes included', () => {
    const name = 'x'.repeat(130);
    const list: Entry[] = [
      { path: `a/${name}`, type: 'file', mode: 0o755, data: Buffer.from('hello'), capability: Buffer.from([1, 0, 0, 2]) },
      { path: 'b', type: 'link', mode: 0o777, link: `a/${name}` },
      { path: 'empty', type: 'dir', mode: 0o1777 },
    ];
    const file = join(dir, 'a.tar');
    writeFileSync(file, tarOf(list));
    const listing = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--full-time', '--utc', '-f', file], { encoding: 'utf8' });
    assert.deepEqual(listing.trim().split('\n').map((l) => l.replace(/\s+/g, ' ')), [
      'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 a/',
      `-rwxr-xr-x 0/0 5 1970-01-01 00:00:00 a/${name}`,
      `lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 b -> a/${name}`,
      'drwxrwxrwt 0/0 0 1970-01-01 00:00:00 empty/',
    ]);
    execFileSync('tar', ['-x', '--no-same-owner', '-f', file, '-C', dir]);
    assert.equal(readFileSync(join(dir, 'b'), 'utf8'), 'hello');
  });

  it('reads what GNU tar writes in each of its formats', () => {
    const name = `${'n'.repeat(120)}.txt`;
    writeFileSync(join(dir, name), 'long');
    for (const format of ['gnu', 'posix']) {
      const tar = execFileSync('tar', ['-c', `--format=${format}`, '-C', dir, name]);
      assert.deepEqual(readTar(tar).map((e) => [e.path, e.data!.toString()]), [[name, 'long']]);
    }
  });

  it('gives the same bytes whatever the order of the entries', () => {
    fc.assert(fc.property(entries, (list) => { assert.ok(tarOf(list).equals(tarOf(list.toReversed()))); }));
  });

  it('refuses two entries of one path', () => {
    const entry: Entry = { path: 'a', type: 'dir', mode: 0o755 };
    assert.throws(() => tarOf([entry, entry]), /two entries for a/);
  });

  it('fails cleanly on any other bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      try {
        readTar(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof SyntaxError);
      }
    }));
    const good = tarOf([{ path: 'a', type: 'file', mode: 0o644, data: Buffer.alloc(600) }]);
    fc.assert(fc.property(fc.nat(good.length - 1025), (length) => {
      assert.throws(() => readTar(good.subarray(0, length)), SyntaxError);
    }));
    const device = Buffer.from(good);
    device[156] = '3'.charCodeAt(0);
    assert.throws(() => readTar(device), /of a kind this reader does not know/);
  });
});
