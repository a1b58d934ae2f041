import { INJECT_CARRIED } from '../../api/webhooks.ts';
import type { Metadata } from '../metadata.ts';

/** What was carried for an object, by key; from either state of it, as a client that writes whole objects may have dropped the mark. */
export function carriedBefore(...states: (Metadata | undefined)[]): Map<string, string> {
  for (const state of states) {
    const mark = state?.annotations?.[INJECT_CARRIED];
    if (mark === undefined) continue;
    return new Map(mark.split(',').map((pair) => pair.trim()).filter((pair) => pair.includes('=')).map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }));
  }
  return new Map();
}

export function formatCarried(carried: ReadonlyMap<string, string>): string {
  return Array.from(carried, ([key, value]) => `${key}=${value}`).join(',');
}

export const VALUES = ['enabled', 'disabled'];
export const misunderstood = (key: string, value: string): string => `${key} is "${value}", which changes nothing: the values understood are "enabled" and "disabled"`;
