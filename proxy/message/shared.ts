import type { Fields } from './contract.ts';

/**
 * Fields arrays that come back request after request (they belong to a cached head of HTTP/1 or HTTP/2) carry their encoded forms, so that an encoder copies bytes instead of
 * building strings. Such an array is shared by many exchanges: like every Fields array it is never changed in place.
 * A layer that derives new arrays from shared ones may use derived().
 */
export interface EncodedForms {
  /** field lines and the empty line after them, for HTTP/1 */
  http1: Buffer | null;
  /** has a TE field */
  readonly te: boolean;
}

const forms = new WeakMap<Fields, EncodedForms>();

/**
 * `make(fields)`, remembered in `memo` when `fields` is shared; then so is what was made.
 */
export function derived(memo: WeakMap<Fields, Fields>, fields: Fields, make: (fields: Fields) => Fields): Fields {
  if (!forms.has(fields)) return make(fields);
  const known = memo.get(fields);
  if (known !== undefined) return known;
  const made = make(fields);
  share(made);
  memo.set(fields, made);
  return made;
}

/** Declares that `fields` will be sent often and holds only valid names and values. */
export function share(fields: Fields): void {
  if (!forms.has(fields)) forms.set(fields, { http1: null, te: hasTe(fields) });
}

export function encodedForms(fields: Fields): EncodedForms | undefined {
  return forms.get(fields);
}

/** True when TE is among the fields; as a hop-by-hop field its name has to be in Connection (RFC 9110 10.1.4). */
export function hasTe(fields: Fields): boolean {
  const known = forms.get(fields);
  if (known !== undefined) return known.te;
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === 'te') return true;
  return false;
}
