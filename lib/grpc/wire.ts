/**
 * Protobuf wire format, driven by the tables in api/gen/tables.ts.
 *
 * For the proxy, where @bufbuild/protobuf would cost 7 MB a process. Messages have the same shape as its messages, less `$typeName` and `$unknown`:
 * camelCase names, oneofs as `{ case, value }`, maps as plain objects, 64-bit integers as bigint, bytes as Uint8Array; decode fills in
 * proto3 defaults and leaves absent messages out.
 *
 * Stricter than the encoding document asks: a known field with another wire type, groups, field number 0, varints over 64 bits, strings that
 * are not UTF-8 and messages deeper than MAX_DEPTH are errors. Unknown fields are skipped. Only what our protos use is here: no
 * packed scalars, no zigzag, no maps but string to string; the generator refuses a proto that needs more.
 * Source: protobuf.dev/programming-guides/encoding, checked against protobuf-es by property tests.
 */
import { Writer } from './writer.ts';
import { Reader } from './reader.ts';
import { WireError } from './wire-error.ts';

export { WireError } from './wire-error.ts';

/** Field types, with the numbers of descriptor.proto. */
export const KIND = {
  double: 1, float: 2, int64: 3, uint64: 4, int32: 5, fixed64: 6, fixed32: 7, bool: 8, string: 9, message: 11, bytes: 12, uint32: 13, enum: 14,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** [field number, local name, kind, '' | '[]' repeated | '{}' map<string, string> | name of its oneof, table of a message] */
export type Row = readonly [number, string, Kind, string?, AnyTable?];

export interface Table<T> {
  readonly rows: () => readonly Row[];
  compiled: Compiled | null;
  /** carries the message type; never there at run time */
  readonly shape?: T;
}
// `any`, because Table is invariant in T and a row may point to any message
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyTable = Table<any>;

/** What decode gives for the protobuf-es message T. */
export type Plain<T> = T extends string | number | bigint | boolean | Uint8Array | null | undefined ? T
  : T extends readonly (infer U)[] ? Plain<U>[]
    : { [K in keyof T as K extends '$typeName' | '$unknown' ? never : K]: Plain<T[K]> };

/** What encode takes for it: any field may be left out. */
export type Init<T> = T extends string | number | bigint | boolean | Uint8Array | null | undefined ? T
  : T extends readonly (infer U)[] ? readonly Init<U>[]
    : T extends { case: unknown } ? { [K in keyof T]: Init<T[K]> }
      : { [K in keyof T as K extends '$typeName' | '$unknown' ? never : K]?: Init<T[K]> };

interface Field { readonly no: number; readonly name: string; readonly kind: Kind; readonly wire: number; readonly shape: string; readonly sub: AnyTable | undefined }
interface Compiled { readonly fields: readonly Field[]; readonly byNumber: Map<number, Field>; readonly oneofs: readonly string[] }
type Loose = Record<string, unknown>;
interface OneOf { case: string | undefined; value?: unknown }

/** As protobuf-es and protoc. */
export const MAX_DEPTH = 100;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

export function table<T>(rows: () => readonly Row[]): Table<T> {
  return { rows, compiled: null };
}

function wireType(kind: Kind, shape: string): number {
  if (shape === '{}') return BYTES;
  switch (kind) {
    case KIND.double: case KIND.fixed64: return FIXED64;
    case KIND.float: case KIND.fixed32: return FIXED32;
    case KIND.string: case KIND.bytes: case KIND.message: return BYTES;
    default: return VARINT;
  }
}

function compile(t: AnyTable): Compiled {
  const fields = t.rows().map(([no, name, kind, shape = '', sub]): Field => ({ no, name, kind, wire: wireType(kind, shape), shape, sub }));
  const oneofs = new Set(fields.map((f) => f.shape).filter((s) => s !== '' && s !== '[]' && s !== '{}'));
  return (t.compiled = { fields, byNumber: new Map(fields.map((f) => [f.no, f])), oneofs: [...oneofs] });
}

function zero(f: Field): unknown {
  if (f.shape === '[]') return [];
  if (f.shape === '{}') return {};
  switch (f.kind) {
    case KIND.string: return '';
    case KIND.bytes: return new Uint8Array(0);
    case KIND.bool: return false;
    case KIND.int64: case KIND.uint64: case KIND.fixed64: return 0n;
    default: return 0;
  }
}

function blank(c: Compiled): Loose {
  const m: Loose = {};
  for (const f of c.fields) if (f.shape === '[]' || f.shape === '{}' || (f.shape === '' && f.kind !== KIND.message)) m[f.name] = zero(f);
  for (const name of c.oneofs) m[name] = { case: undefined };
  return m;
}

/** Throws WireError, and nothing else, on bytes that are not one whole message. The result shares no memory with `bytes`. */
export function decode<T>(t: Table<T>, bytes: Uint8Array): Plain<T> {
  const c = t.compiled ?? compile(t);
  const m = blank(c);
  readMessage(c, m, new Reader(bytes), 1);
  return m as Plain<T>;
}

function readMessage(c: Compiled, m: Loose, r: Reader, depth: number): void {
  if (depth > MAX_DEPTH) throw new WireError('depth', `messages nested deeper than ${MAX_DEPTH}`);
  while (r.pos < r.end) {
    const tag = r.tag();
    const wire = tag & 7;
    const f = c.byNumber.get(tag >>> 3);
    if (f === undefined) {
      r.skip(wire);
      continue;
    }
    if (wire !== f.wire) throw new WireError('wire-type', `field ${f.no} (${f.name}) has wire type ${wire}, not ${f.wire}`);
    readField(f, m, r, depth);
  }
}

function readField(f: Field, m: Loose, r: Reader, depth: number): void {
  if (f.shape === '{}') readEntry(m[f.name] as Record<string, string>, r);
  else if (f.shape === '[]') (m[f.name] as unknown[]).push(readValue(f, r, undefined, depth));
  else if (f.shape === '') m[f.name] = readValue(f, r, m[f.name], depth);
  else {
    const now = m[f.shape] as OneOf;
    m[f.shape] = { case: f.name, value: readValue(f, r, now.case === f.name ? now.value : undefined, depth) };
  }
}

/** `before` is an earlier occurrence of the same message field, which a later one is merged into. */
function readValue(f: Field, r: Reader, before: unknown, depth: number): unknown {
  switch (f.kind) {
    case KIND.message: {
      const sub = f.sub!.compiled ?? compile(f.sub!);
      const m = (before as Loose | undefined) ?? blank(sub);
      const end = r.enter();
      readMessage(sub, m, r, depth + 1);
      r.end = end;
      return m;
    }
    case KIND.string: return r.string();
    case KIND.bytes: return r.bytes();
    case KIND.uint32: return r.varint() >>> 0;
    case KIND.int32: case KIND.enum: return r.varint() | 0;
    case KIND.bool: return (r.varint() | r.high) !== 0;
    case KIND.uint64: return r.varint64();
    case KIND.int64: return BigInt.asIntN(64, r.varint64());
    case KIND.fixed32: return r.fixed32();
    case KIND.fixed64: return r.fixed64();
    case KIND.float: return r.float();
    case KIND.double: return r.double();
  }
}

function readEntry(map: Record<string, string>, r: Reader): void {
  const end = r.enter();
  let key = '';
  let value = '';
  while (r.pos < r.end) {
    const tag = r.tag();
    if (tag === ((1 << 3) | BYTES)) key = r.string();
    else if (tag === ((2 << 3) | BYTES)) value = r.string();
    else if (tag >>> 3 < 3) throw new WireError('wire-type', `map entry with wire type ${tag & 7}`);
    else r.skip(tag & 7);
  }
  r.end = end;
  // a plain assignment to this one name would set the prototype
  if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}

/** Fields in order of their numbers, defaults left out. Throws WireError ('value') for a value that its field cannot carry. */
export function encode<T>(t: Table<T>, message: Init<T>): Buffer {
  const w = new Writer();
  writeMessage(t.compiled ?? compile(t), message as Loose, w);
  return w.finish();
}

function writeMessage(c: Compiled, m: Loose, w: Writer): void {
  for (const f of c.fields) {
    if (f.shape === '') {
      const v = m[f.name];
      if (v !== undefined && (f.kind === KIND.message || !isDefault(v))) writeValue(f, v, w);
    } else if (f.shape === '[]') {
      for (const v of (m[f.name] as unknown[] | undefined) ?? []) writeValue(f, v, w);
    } else if (f.shape === '{}') {
      for (const [key, value] of Object.entries((m[f.name] as Record<string, string> | undefined) ?? {})) writeEntry(f.no, key, value, w);
    } else {
      const one = m[f.shape] as OneOf | undefined;
      if (one?.case === f.name) writeValue(f, one.value, w);
    }
  }
}

function isDefault(v: unknown): boolean {
  return Object.is(v, 0) || v === '' || v === false || v === 0n || (v instanceof Uint8Array && v.length === 0);
}

function writeValue(f: Field, v: unknown, w: Writer): void {
  w.varint((f.no << 3) | f.wire);
  switch (f.kind) {
    case KIND.message: {
      const start = w.open();
      writeMessage(f.sub!.compiled ?? compile(f.sub!), v as Loose, w);
      w.close(start);
      return;
    }
    case KIND.string: return w.string(text(f.name, v));
    case KIND.bytes: return w.bytes(v as Uint8Array);
    case KIND.bool: return w.varint(v ? 1 : 0);
    case KIND.uint32: return w.varint(integer(f.name, v, 0, 0xffffffff));
    case KIND.int32: case KIND.enum: return w.signed(integer(f.name, v, -0x80000000, 0x7fffffff));
    case KIND.uint64: return w.varint64(big(f.name, v, false));
    case KIND.int64: return w.varint64(BigInt.asUintN(64, big(f.name, v, true)));
    case KIND.fixed32: return w.fixed32(integer(f.name, v, 0, 0xffffffff));
    case KIND.fixed64: return w.fixed64(big(f.name, v, false));
    case KIND.float: return w.float(number(f.name, v));
    case KIND.double: return w.double(number(f.name, v));
  }
}

function writeEntry(no: number, key: string, value: string, w: Writer): void {
  w.varint((no << 3) | BYTES);
  const start = w.open();
  w.varint((1 << 3) | BYTES);
  w.string(text('map key', key));
  w.varint((2 << 3) | BYTES);
  w.string(text('map value', value));
  w.close(start);
}

function fail(name: string, v: unknown): never {
  throw new WireError('value', `${name} cannot carry ${typeof v === 'string' ? 'a string with lone surrogates' : String(v)}`);
}
function text(name: string, v: unknown): string {
  return typeof v === 'string' && v.isWellFormed() ? v : fail(name, v);
}
function number(name: string, v: unknown): number {
  return typeof v === 'number' ? v : fail(name, v);
}
function integer(name: string, v: unknown, min: number, max: number): number {
  return Number.isInteger(v) && (v as number) >= min && (v as number) <= max ? (v as number) : fail(name, v);
}
function big(name: string, v: unknown, signed: boolean): bigint {
  return typeof v === 'bigint' && (signed ? BigInt.asIntN(64, v) : BigInt.asUintN(64, v)) === v ? v : fail(name, v);
}
