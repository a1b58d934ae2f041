/** Tests of requests, as proxies hold them against routes and rules (Gateway API HTTPRouteMatch), compiled once. */
import { wholePattern } from '../pattern.ts';
import type { RequestMatch } from './model.ts';

/** What of a request is looked at. */
export interface RequestLike {
  readonly method: string;
  readonly authority: string;
  /** with its query */
  readonly path: string;
  /** header fields, names in lower case and values in turn; without the host's */
  readonly fields: readonly string[];
}

export type RequestTest = (head: RequestLike) => boolean;
export type ValueTest = (value: string) => boolean;

/** A test of the path, told apart by how specific it is. */
export type PathTest =
  | { kind: 'exact'; value: string }
  /** by whole path elements: /a takes /a and /a/b, never /ab (Gateway API PathPrefix); without a slash at its end, so '' is every path */
  | { kind: 'prefix'; value: string }
  /** `weight`: how specific it is beside others of its kind */
  | { kind: 'test'; matches: (path: string) => boolean; weight: number };

/** Throws BadPattern. */
export function pathTest(kind: 'exact' | 'prefix' | 'regex', value: string): PathTest {
  switch (kind) {
    case 'exact': return { kind, value };
    case 'prefix': return { kind, value: value.endsWith('/') ? value.slice(0, -1) : value };
    case 'regex': return { kind: 'test', matches: wholePattern(value), weight: 0 };
  }
}

export function takes(test: PathTest, path: string): boolean {
  switch (test.kind) {
    case 'exact': return path === test.value;
    case 'prefix': {
      const { value } = test;
      return value.length === 0 || (path.startsWith(value) && (path.length === value.length || path.charCodeAt(value.length) === SLASH));
    }
    case 'test': return test.matches(path);
  }
}

const SLASH = 47;

export function methodTest(method: string): RequestTest {
  return (h) => h.method === method;
}

/** A header that comes several times matches by any of its values. */
export function headerTest(name: string, test: ValueTest): RequestTest {
  const lower = name.toLowerCase();
  // The message model keeps Host apart from the other fields.
  return lower === 'host' || lower === ':authority' ? (h) => test(h.authority) : (h) => anyField(h.fields, lower, test);
}

export function queryTest(name: string, test: ValueTest): RequestTest {
  return (h) => {
    const value = queryParam(h.path, name);
    return value !== undefined && test(value);
  };
}

function anyField(fields: readonly string[], name: string, test: ValueTest): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name && test(fields[i + 1]!)) return true;
  return false;
}

export function equals(expected: string): ValueTest {
  return (v) => v === expected;
}

/** The path without its query. */
export function pathOf(h: { readonly path: string }): string {
  const q = h.path.indexOf('?');
  return q < 0 ? h.path : h.path.slice(0, q);
}

/** The first value of a query parameter, decoded. */
function queryParam(path: string, name: string): string | undefined {
  const q = path.indexOf('?');
  return q < 0 ? undefined : (new URLSearchParams(path.slice(q + 1)).get(name) ?? undefined);
}

/** All that a match of the model says. Throws BadPattern. */
export function requestTest({ path, method, headers = [], query = [] }: RequestMatch): RequestTest {
  const where = pathTest(path.kind, path.value);
  const value = (match: { kind: 'exact' | 'regex'; value: string }): ValueTest => (match.kind === 'regex' ? wholePattern(match.value) : equals(match.value));
  const tests = [
    ...(method === undefined ? [] : [methodTest(method)]),
    ...headers.map((match) => headerTest(match.name, value(match))),
    ...query.map((match) => queryTest(match.name, value(match))),
  ];
  return (h) => takes(where, pathOf(h)) && tests.every((t) => t(h));
}
