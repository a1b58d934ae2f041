import { trafficAnnotation } from '../../api/annotations.ts';
import type { TrafficKey } from '../../api/annotations.ts';
import { parseDuration } from '../duration.ts';
import type { ObjectMeta } from '../kube/types.ts';

/** A field of an object that cannot be used, and what was made of it instead. */
export interface FieldProblem { field: string; message: string }

/** `wrong`: the message without what was made of it. */
export interface SettingProblem extends FieldProblem { wrong: string }

/** What the fields of an object last were, while they could be used. */
export interface LastGood {
  get(key: TrafficKey): string | undefined;
  set(key: TrafficKey, value: string): void;
  delete(key: TrafficKey): void;
}

/**
 * Reads traffic annotations one by one. One that cannot be used is a problem and nothing more: the last value that could be stays in force, else
 * the field counts as absent.
 */
export class Reader {
  readonly problems: SettingProblem[] = [];
  readonly #metadata: ObjectMeta;
  readonly #lastGood: LastGood | undefined;
  readonly #lost = new Set<TrafficKey>();

  constructor(metadata: ObjectMeta, lastGood?: LastGood) {
    this.#metadata = metadata;
    this.#lastGood = lastGood;
  }

  /** `expected` completes "has to be"; `parse` answers undefined for what it cannot use. */
  read<T>(key: TrafficKey, expected: string, parse: (text: string) => T | undefined): T | undefined {
    const found = trafficAnnotation(this.#metadata, key);
    if (found === undefined) {
      this.#lastGood?.delete(key);
      return undefined;
    }
    const value = parse(found.value.trim());
    if (value !== undefined) {
      this.#lastGood?.set(key, found.value);
      return value;
    }
    const last = this.#lastGood?.get(key);
    if (last === undefined) this.#lost.add(key);
    const instead = last === undefined ? 'it is left out' : `"${last}" stays in force`;
    const wrong = `${found.key} is "${found.value}" and has to be ${expected}`;
    this.problems.push({ field: found.key, wrong, message: `${wrong}; ${instead}` });
    return last === undefined ? undefined : parse(last.trim());
  }

  /** Whether one of these is there and counts for nothing, neither as it is nor as it was. */
  lost(...keys: TrafficKey[]): boolean {
    return keys.some((key) => this.#lost.has(key));
  }

  /** Milliseconds. */
  duration(key: TrafficKey, options: { positive?: boolean } = {}): number | undefined {
    return this.read(key, `a duration such as 250ms or 1m30s${options.positive ? ' above zero' : ''}`, (text) => {
      const ms = parseDuration(text);
      return ms === undefined || (options.positive && ms === 0) ? undefined : ms;
    });
  }

  flag(key: TrafficKey): boolean {
    return this.read(key, 'true or false', (text) => (text === 'true' ? 'yes' : text === 'false' ? 'no' : undefined)) === 'yes';
  }

  integer(key: TrafficKey, from: number, to: number): number | undefined {
    return this.read(key, `a whole number from ${from} to ${to}`, (text) => numberIn(/^\d+$/, text, from, to));
  }

  decimal(key: TrafficKey, from: number, to: number): number | undefined {
    return this.read(key, `a number from ${from} to ${to}`, (text) => numberIn(/^\d+(\.\d+)?$/, text, from, to));
  }
}

function numberIn(form: RegExp, text: string, from: number, to: number): number | undefined {
  const value = form.test(text) ? Number(text) : Number.NaN;
  return value >= from && value <= to ? value : undefined;
}

/** The same object without its undefined members, so that spreading it over another keeps that one's. */
export function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
