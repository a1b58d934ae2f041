import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec, lastLines, must } from './exec.ts';
import { ClusterError } from './provider.ts';

describe('exec', () => {
  it('gives status, both outputs, and error lines as they come', async () => {
    const lines: string[] = [];
    const result = await exec('sh', ['-c', 'cat; echo one >&2; echo two >&2; exit 3'], { input: 'text', onLine: (line) => lines.push(line) });
    assert.deepEqual(result, { code: 3, stdout: 'text', stderr: 'one\ntwo\n' });
    assert.deepEqual(lines, ['one', 'two']);
  });

  it('reports a program that is not there as status 127', async () => {
    assert.equal((await exec('kubectl-mesh-no-such-program', [])).code, 127);
  });

  it('does not wait for a program that leaves its input unread', async () => {
    assert.equal((await exec('true', [], { input: 'x'.repeat(1_000_000) })).code, 0);
  });

  it('feeds a file, and rejects if it cannot be read', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'exec-'));
    const file = join(dir, 'input');
    await writeFile(file, 'from a file');
    assert.equal((await exec('cat', [], { inputFile: file })).stdout, 'from a file');
    await assert.rejects(exec('cat', [], { inputFile: join(dir, 'none') }), /ENOENT/);
    await rm(dir, { recursive: true });
  });
});

describe('must', () => {
  it('returns the output of success and turns failure into a sentence', async () => {
    assert.equal(await must(exec, 'print', 'echo', ['x']), 'x\n');
    await assert.rejects(must(exec, 'do it', 'sh', ['-c', 'echo why >&2; exit 9']), (error) => {
      assert.ok(error instanceof ClusterError);
      assert.match(error.message, /^Could not do it\. .* status 9: why$/);
      return true;
    });
  });
});

describe('lastLines', () => {
  it('joins the end into one line', () => {
    assert.equal(lastLines('a\nb\nc\n', 2), 'b | c');
    assert.equal(lastLines(' \n'), '(no output)');
  });
});
