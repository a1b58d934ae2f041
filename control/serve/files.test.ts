import assert from 'node:assert/strict';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '../../lib/clock.ts';
import { inTemporaryFolder } from '../../lib/pki/openssl.testkit.ts';
import { POLL_MS, readTexts, watchTexts, type Contents } from './files.ts';
import { until } from './testing/mesh.ts';

describe('mounted files', () => {
  it('are followed through the symlink swap by which Kubernetes updates a volume', () => inTemporaryFolder(async (dir) => {
    const version = (name: string, text: string): void => {
      mkdirSync(join(dir, name));
      writeFileSync(join(dir, name, 'a'), text);
      writeFileSync(join(dir, name, 'b'), text);
      symlinkSync(name, join(dir, '..data_tmp'));
      renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
    };
    version('..1', 'one');
    symlinkSync('..data/a', join(dir, 'a'));
    symlinkSync('..data/b', join(dir, 'b'));
    const paths = [join(dir, 'a'), join(dir, 'b'), join(dir, 'missing')];
    const known = await readTexts(paths);
    assert.deepEqual(known, ['one', 'one', null]);
    const clock = new ManualClock();
    const seen: Contents[] = [];
    const watch = watchTexts(paths, known, clock, (c) => seen.push(c));
    const turn = (condition: () => boolean): Promise<void> => until(() => {
      clock.advance(POLL_MS);
      return condition();
    });
    version('..2', 'two');
    await turn(() => seen.length === 1);
    writeFileSync(join(dir, 'missing'), 'here');
    await turn(() => seen.length === 2);
    assert.deepEqual(seen, [['two', 'two', null], ['two', 'two', 'here']]);
    watch.stop();
    version('..3', 'three');
    for (let i = 0; i < 5; i++) {
      clock.advance(POLL_MS);
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    assert.equal(seen.length, 2);
  }));
});
