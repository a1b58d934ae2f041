import assert from 'node:assert/strict';
import { Log, parseLevel } from './log.ts';

describe('log', () => {
  it('writes what its level lets through, as it is at that moment', () => {
    const out: string[] = [];
    const log = new Log('warn', (t) => out.push(t), () => 0);
    log.info('no');
    log.setLevel('info');
    log.info('yes', { a: 1 });
    assert.deepEqual(out, ['{"level":"info","time":"1970-01-01T00:00:00.000Z","msg":"yes","a":1}\n']);
  });

  it('is for eyes where that is asked for, one line each whatever is in it', () => {
    const out: string[] = [];
    new Log('info', (t) => out.push(t), () => 0, 'plain').warn('a peer', { at: 'x\ny', n: 1 });
    assert.deepEqual(out, ['1970-01-01T00:00:00.000Z WARN  a peer at="x\\ny" n=1\n']);
  });

  it('writes raw lines of one turn together, in order with the others', async () => {
    const out: string[] = [];
    const log = new Log('error', (t) => out.push(t), () => 0);
    log.raw('a\n');
    log.raw('b\n');
    assert.deepEqual(out, []);
    await new Promise((r) => { setImmediate(r); });
    assert.deepEqual(out, ['a\nb\n']);
    log.raw('c\n');
    log.error('d');
    assert.equal(out[1], 'c\n');
    log.raw('x'.repeat(100_000));
    assert.equal(out.length, 4);
  });

  it('reads levels and filters', () => {
    for (const [text, level] of [['debug', 'debug'], ['warn,linkerd=info,hickory=error,[{headers}]=off', 'info'], ['WARN', 'warn'], ['trace', 'debug'], ['', null], ['warn,linkerd=loud', null]] as const) {
      assert.equal(parseLevel(text), level, text);
    }
  });
});
