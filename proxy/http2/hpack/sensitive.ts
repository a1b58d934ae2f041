import { isWellKnown } from './classify.ts';

const CAPACITY = 256;
/** Longer names are never indexed, so they need no mark. */
const MAX_LENGTH = 64;

/**
 * Names whose values nobody may put into a compression table or a cache. A literal marked "never indexed" must stay so on every hop
 * (RFC 7541 6.2.3), but fields carry no such mark through the proxy; so the name is remembered for the process instead, which errs on the safe side.
 */
export class SensitiveNames {
  /** rises when an answer of `has` may have changed */
  generation = 0;
  private readonly names = new Set<string>(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
  private overflow = false;

  /** A peer sent a field of this name as never indexed. */
  note(name: string): void {
    if (name.length > MAX_LENGTH || this.names.has(name)) return;
    this.generation++;
    if (this.names.size < CAPACITY || isWellKnown(name)) this.names.add(name);
    else this.overflow = true;
  }

  has(name: string): boolean {
    return this.names.has(name) || name.length > MAX_LENGTH || (this.overflow && !isWellKnown(name));
  }
}

export const sensitiveNames = new SensitiveNames();
