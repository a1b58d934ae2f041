/**
 * Names whose values nobody may put into a compression table or a cache. A literal marked "never indexed" must stay so on every hop
 * (RFC 7541 6.2.3), but fields carry no such mark through the proxy; so the name is remembered for the process instead, which errs on the safe side.
 */
import { isWellKnown } from './classify.ts';

const CAPACITY = 256;
/** Longer names are never indexed, so they need no mark. */
const MAX_LENGTH = 64;
const names = new Set<string>(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
let overflow = false;
let generation = 0;

/** A peer sent a field of this name as never indexed. */
export function noteSensitive(name: string): void {
  if (name.length > MAX_LENGTH || names.has(name)) return;
  generation++;
  if (names.size < CAPACITY || isWellKnown(name)) names.add(name);
  else overflow = true;
}

export function isSensitive(name: string): boolean {
  return names.has(name) || name.length > MAX_LENGTH || (overflow && !isWellKnown(name));
}

/** Rises when an answer of isSensitive may have changed. */
export function sensitiveGeneration(): number {
  return generation;
}
