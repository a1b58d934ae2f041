import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { jsonErrorAt } from './json-error.ts';

describe('the place of a mistake in JSON', () => {
  it('is where the text stops being JSON', () => {
    for (const [text, at] of [['{"a": }', 6], ['{"a":1,}', 7], ['[1 2]', 3], ['{"a":"\n"}', 6], ['{a:1}', 1], ['[tru]', 4], ['{"a":1}}', 7]] as const) {
      assert.equal(jsonErrorAt(text), at, text);
    }
  });

  it('is in the text, and what is before it can be completed', () => {
    fc.assert(fc.property(fc.json(), fc.nat(), fc.constantFrom('}', ']', ',', 'x', ':'), (json, n, wrong) => {
      const text = json.slice(0, n % json.length) + wrong + json.slice(n % json.length);
      let broken = false;
      try {
        JSON.parse(text);
      } catch {
        broken = true;
      }
      fc.pre(broken);
      const at = jsonErrorAt(text);
      assert.ok(at >= 0 && at < text.length);
      assert.ok(at >= n % json.length - 1 || text[at] !== json[at]);
    }));
  });
});
