import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { testIo } from '../testing/io.ts';
import { progress, seconds } from './progress.ts';

describe('progress', () => {
  it('rewrites its line on a terminal, cut to its width, and ends it with a mark and the time', async () => {
    const io = testIo({ columns: 20 });
    await progress(io).step('Applying', async (detail) => {
      await io.sleep(1500);
      detail('object 17 of 27, a long name');
    });
    assert.deepEqual(io.err().split('\r\u001B[K').map((line) => stripVTControlCharacters(line)), ['', '  Applying 0.0s', '  Applying 1.5s (ob', '√ Applying (1.5s)\n']);
  });

  it('prints one plain line a step elsewhere, failed ones too', async () => {
    const io = testIo();
    const p = progress(io);
    await p.step('One', () => Promise.resolve());
    await assert.rejects(p.step('Two', () => Promise.reject(new Error('no'))), /no/);
    p.note('so it is');
    assert.equal(io.err(), '√ One (0.0s)\n× Two (0.0s)\nso it is\n');
  });

  it('tells time in the unit that fits', () => {
    for (const [ms, text] of [[0, '0.0s'], [9949, '9.9s'], [10_000, '10s'], [59_499, '59s'], [61_000, '1m01s'], [3_600_000, '60m00s']] as const) assert.equal(seconds(ms), text);
  });
});
