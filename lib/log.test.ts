import assert from 'node:assert/strict';
import { createLog, silentLog } from './log.ts';

describe('log', () => {
  it('is one JSON object a line, with time and level in words', () => {
    const lines: string[] = [];
    const log = createLog('identity', 'info', { write: (line) => void lines.push(line) });
    log.child({ part: 'x' }).warn({ err: new Error('boom'), n: 1 }, 'something');
    log.debug('not at this level');
    assert.equal(lines.length, 1);
    const { time, err, ...rest } = JSON.parse(lines[0]!) as { time: string; err: { message: string } };
    assert.deepEqual(rest, { level: 'warn', component: 'identity', part: 'x', n: 1, msg: 'something' });
    assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.equal(err.message, 'boom');
  });

  it('can go nowhere', () => {
    silentLog().error('nobody reads this');
  });
});
