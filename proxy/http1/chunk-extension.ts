/**
 * Chunk extensions (RFC 9112 7.1.1): *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). They are dropped, but read strictly all the same:
 * what one parser takes for an extension another may take for the end of a line.
 */
import { LOWER_TOKEN, VALUE } from './chars.ts';

const BEFORE_NAME = 1;
const NAME = 2;
const AFTER_NAME = 3;
const BEFORE_VALUE = 4;
const TOKEN = 5;
const QUOTED = 6;
const ESCAPED = 7;
const AFTER_VALUE = 8;

/** State after the semicolon of the first extension. */
export const EXTENSION_START = BEFORE_NAME;

/** State after byte c, or 0 when c cannot stand there. */
export function extensionStep(state: number, c: number): number {
  if (state === QUOTED) return c === 34 ? AFTER_VALUE : c === 92 ? ESCAPED : VALUE[c] === 1 ? QUOTED : 0;
  if (state === ESCAPED) return VALUE[c] === 1 ? QUOTED : 0;
  if (c === 32 || c === 9) return state === NAME ? AFTER_NAME : state === TOKEN ? AFTER_VALUE : state;
  if (c === 59) return state === BEFORE_NAME || state === BEFORE_VALUE ? 0 : BEFORE_NAME;
  if (c === 61) return state === NAME || state === AFTER_NAME ? BEFORE_VALUE : 0;
  if (c === 34) return state === BEFORE_VALUE ? QUOTED : 0;
  if (LOWER_TOKEN[c] === 0) return 0;
  if (state === BEFORE_NAME || state === NAME) return NAME;
  return state === BEFORE_VALUE || state === TOKEN ? TOKEN : 0;
}

/** Whether the extensions may end in this state. */
export function extensionMayEnd(state: number): boolean {
  return state === NAME || state === AFTER_NAME || state === TOKEN || state === AFTER_VALUE;
}
