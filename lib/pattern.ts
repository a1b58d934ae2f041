/**
 * Regular expressions of routes and policies, matched against what anybody sends. A backtracking engine can be kept busy for hours by a short one
 * such as (a+)+b, and with it the whole proxy; V8 has a second engine, in linear time, that takes over when the first one goes back too often.
 * What that engine cannot run and could take long is refused.
 */
import v8 from 'node:v8';

/** A regular expression that cannot be used; the message says why. */
export class BadPattern extends Error {}

let prepared = false;

/** Before the first pattern is compiled; a process without any goes without. */
function prepare(): void {
  if (prepared) return;
  prepared = true;
  v8.setFlagsFromString('--enable-experimental-regexp-engine');
  v8.setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
}

/** What RE2 and Rust have no counterpart of: looking around and back. */
const BEYOND_RE2 = /\(\?<?[=!]|\\[1-9]|\\k</;
/** What needs code points, where paths and headers are octets. */
const CODE_POINTS = /\\[pP]|\\u\{/;

/** Why this cannot be used, in a sentence; undefined when it can. */
export function patternProblem(source: string): string | undefined {
  try {
    RegExp(source, 'u');
  } catch (error) {
    return (error as Error).message;
  }
  if (BEYOND_RE2.test(source)) return `"${source}" looks around or refers back, which proxies do not do`;
  if (CODE_POINTS.test(source)) return `"${source}" asks for properties of characters, where paths and headers are octets`;
  if (repeatsRepetition(source) && !isLinear(source)) return `"${source}" repeats what repeats or has alternatives, in a way that can take for ever to match`;
  return undefined;
}

/** The whole of a value against a pattern, in a time in proportion to the value. Throws BadPattern. */
export function wholePattern(source: string): (value: string) => boolean {
  const problem = patternProblem(source);
  if (problem !== undefined) throw new BadPattern(`"${source}" is not a regular expression that can be used: ${problem}`);
  prepare();
  // Without the flag for code points, which the linear engine does not take.
  const re = new RegExp(`^(?:${source})$`);
  return (value) => re.test(value);
}

/** V8's flag for it. */
const LINEAR = 'l';

/** Whether V8's second engine can run it; it takes no repetitions that come to more than some tens. */
function isLinear(source: string): boolean {
  prepare();
  try {
    RegExp(`^(?:${source})$`, LINEAR);
    return true;
  } catch {
    return false;
  }
}

/** Whether a group is repeated that has a repetition or alternatives in it. `source` is a valid expression. */
function repeatsRepetition(source: string): boolean {
  const groups = [false];
  /** what was just read is a group with more than one way through it */
  let group = false;
  for (let i = 0; i < source.length; i++) {
    const c = source[i]!;
    const repeats = c === '*' || c === '+' || c === '{';
    if (repeats && group) return true;
    const before = group;
    group = false;
    if (c === '\\') i++;
    else if (c === '[') i = endOfClass(source, i);
    else if (c === '(') groups.push(false);
    else if (c === ')') {
      group = groups.pop()!;
      groups[groups.length - 1] ||= group;
    } else if (repeats || c === '|') groups[groups.length - 1] = true;
    else if (c === '?') groups[groups.length - 1] ||= before;
  }
  return false;
}

function endOfClass(source: string, from: number): number {
  let i = from + 1;
  while (i < source.length && source[i] !== ']') i += source[i] === '\\' ? 2 : 1;
  return i;
}
