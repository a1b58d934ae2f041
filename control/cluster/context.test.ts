import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseContext } from './context.ts';

describe('proxy context', () => {
  it('reads JSON with a trailing newline, and the older ns:pod', () => {
    assert.deepEqual(parseContext('{"ns":"shop","nodeName":"n1","pod":"web-1"}\n'), { namespace: 'shop', node: 'n1', pod: 'web-1' });
    assert.deepEqual(parseContext('{"ns":"shop","nodeName":"","extra":[1]}'), { namespace: 'shop', node: undefined, pod: undefined });
    assert.deepEqual(parseContext('shop:web-1'), { namespace: 'shop', node: undefined, pod: 'web-1' });
  });

  it('takes anything else for nothing', () => {
    const nothing = { namespace: undefined, node: undefined, pod: undefined };
    for (const odd of ['', '{', '{"ns":7}', 'null', 'a b']) assert.deepEqual(parseContext(odd), nothing, odd);
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseContext(text)));
  });
});
