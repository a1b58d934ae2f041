import assert from 'node:assert/strict';
import { ClusterError } from '../cluster/provider.ts';
import { explain, Interrupted, MeshError } from './errors.ts';
import { abandonable, startRun, type Run } from './run.ts';

function recorded(): { run: Run; lines: string[] } {
  const lines: string[] = [];
  return { run: startRun((text) => void lines.push(text.replace(/^\[[^\]]+\] /, '').replace(/ in \d\S+$/m, ' in TIME').trim())), lines };
}

describe('a run', () => {
  it('tells of each step when it begins and when it is done', async () => {
    const { run, lines } = recorded();
    assert.equal(await run.step('Building', () => Promise.resolve(7)), 7);
    assert.deepEqual(lines, ['Building ...', 'Building: done in TIME']);
  });

  it('takes back what was noted, the last first, and goes on after a failure', async () => {
    const { run } = recorded();
    const done: string[] = [];
    const note = (what: string, fails = false): void => run.onTakeBack(what, () => {
      done.push(what);
      return fails ? Promise.reject(new MeshError('no way')) : Promise.resolve();
    });
    note('the cluster');
    note('the mesh', true);
    note('the sample');
    run.atEnd(() => Promise.resolve(void done.push('end')));
    assert.deepEqual(await run.takeBack(), ['the mesh: no way']);
    assert.deepEqual(done, ['the sample', 'the mesh', 'the cluster', 'end']);
    assert.deepEqual(await run.takeBack(), []);
    assert.equal(done.length, 4);
  });

  it('leaves what is kept, yet ends what has to end', async () => {
    const { run } = recorded();
    const done: string[] = [];
    run.onTakeBack('the cluster', () => Promise.resolve(void done.push('cluster')));
    run.atEnd(() => Promise.resolve(void done.push('end')));
    run.keepAll();
    await run.takeBack();
    assert.deepEqual(done, ['end']);
  });

  it('begins nothing more when it was stopped, and calls the failure of what was stopped an interruption', async () => {
    const { run } = recorded();
    const step = run.step('Waiting', () => new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(new Error('killed')))));
    run.stop();
    await assert.rejects(step, Interrupted);
    await assert.rejects(run.step('Next', () => assert.fail('it ran')), Interrupted);
  });

  it('ends its programs with it', async () => {
    const { run } = recorded();
    const ended = run.exec('sleep', ['60']);
    run.stop();
    assert.equal((await ended).code, 128 + 15);
  });

  it('gives the results of what is done side by side', async () => {
    assert.deepEqual(await recorded().run.together<[number, string]>(() => Promise.resolve(1), () => Promise.resolve('a')), [1, 'a']);
  });

  it('stops the others when one fails, waits for them, and throws what failed first', async () => {
    const { run } = recorded();
    let over = false;
    const slow = () => new Promise<void>((_, reject) => run.signal.addEventListener('abort', () => setImmediate(() => {
      over = true;
      reject(new Error('because of the first'));
    })));
    await assert.rejects(run.together(slow, () => Promise.reject(new MeshError('first'))), /^MeshError: first$/);
    assert.ok(over);
  });
});

describe('abandonable', () => {
  it('is over when the work is, or as soon as the signal is aborted', async () => {
    const { signal } = new AbortController();
    assert.equal(await abandonable(signal, Promise.resolve(3)), 3);
    const stopping = new AbortController();
    const never = abandonable(stopping.signal, new Promise(() => undefined));
    stopping.abort();
    await assert.rejects(never, Interrupted);
    await assert.rejects(abandonable(AbortSignal.abort(), new Promise(() => undefined)), Interrupted);
  });
});

describe('explain', () => {
  it('passes on messages that are for people', () => {
    assert.equal(explain(new MeshError('Do this.')), 'Do this.');
    assert.equal(explain(new ClusterError('Do that.')), 'Do that.');
  });

  it('says what to do about a full disk and about files that cannot be written', () => {
    assert.match(explain(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', path: '/a/b' })), /^The disk is full at \/a\/b\..*Make room/s);
    assert.match(explain(Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', path: '/a/b' })), /^\/a\/b cannot be written.*XDG_CACHE_HOME/s);
  });

  it('names --verbose for what nobody foresaw', () => {
    assert.match(explain(new TypeError('x is not a function')), /^x is not a function\. .*--verbose/);
    assert.match(explain('a string'), /^a string\. /);
  });
});
