import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { BadPattern, patternProblem, wholePattern } from './pattern.ts';

describe('patterns', () => {
  it('match the whole of a value', () => {
    const test = wholePattern('/v[0-9]+/(books|users)');
    assert.deepEqual(['/v1/books', '/v12/users', '/v1/books/1', 'x/v1/books', '/v/books'].map(test), [true, true, false, false, false]);
  });

  it('that would keep a backtracking engine busy end all the same', () => {
    const value = `${'a'.repeat(5000)}!`;
    for (const source of ['(a+)+b', '(a|a)*b', '(a*)*b', '(?:a|aa)+b', '([a-z]+)*x', '(a|b|ab)*c', 'a*a*a*a*b', '((a+)?)+b']) assert.equal(wholePattern(source)(value), false, source);
  });

  it('are refused when they are none, look around, need code points, or could take for ever', () => {
    const problems: Record<string, RegExp> = {
      '(': /Unterminated group/, '(?=a)b': /looks around/, '(a)\\1': /refers back/, '(?<n>a)\\k<n>': /refers back/, '\\p{L}': /octets/, '\\u{61}': /octets/,
      '(a{0,20}){0,20}b': /for ever/, '(a|a){40}b': /for ever/, '((a{20})?){30}': /for ever/,
    };
    for (const [source, expected] of Object.entries(problems)) {
      assert.match(patternProblem(source) ?? '', expected, source);
      assert.throws(() => wholePattern(source), BadPattern);
    }
    for (const source of ['', '.*', 'a{1,1000}', '[0-9a-f]{32}', '[(a+)]{40}', '\\(a+\\){40}', '(abc){50}', '(a+)?b{100}', '[\\]+*]{20}']) assert.equal(patternProblem(source), undefined, source);
  });

  it('mean what they mean to JavaScript, whatever they are', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '\\d', '(a)', '(?:ab)', '(a|b)', '(?:a+|b)');
    const piece = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,3}')).map(([one, count]) => one + count);
    fc.assert(fc.property(fc.array(piece, { maxLength: 4 }), fc.string({ unit: fc.constantFrom('a', 'b', '1'), maxLength: 12 }), (pieces, value) => {
      const source = pieces.join('');
      if (patternProblem(source) === undefined) assert.equal(wholePattern(source)(value), new RegExp(`^(?:${source})$`, 'u').test(value));
    }));
  });
});
