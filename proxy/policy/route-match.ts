/** Which requests a route takes: http_route.proto HttpRouteMatch (Gateway API HTTPRouteMatch), compiled once an update. */
import type { Plain } from '../../lib/grpc/wire.ts';
import type { HeaderMatch, HttpRouteMatch, PathMatch } from '../../api/gen/http_route_pb.js';
import type { HttpMethod } from '../../api/gen/http_types_pb.js';
import type { RequestHead } from '../message/contract.ts';

export type Matcher = (head: RequestHead) => boolean;

/** A test of the path, told apart by how specific it is. */
export type PathTest =
  | { kind: 'exact'; value: string }
  /** by whole path elements: /a takes /a and /a/b, never /ab (Gateway API PathPrefix); without a slash at its end, so '' is every path */
  | { kind: 'prefix'; value: string }
  /** `weight`: how specific it is beside others of its kind */
  | { kind: 'test'; matches: (path: string) => boolean; weight: number };

/** A regular expression that does not compile. */
export class BadPattern extends Error {}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'HEAD', 'TRACE'];

/** Name of a method message; '' when absent. */
export function methodName(m: Plain<HttpMethod> | undefined): string {
  if (m?.type.case === 'registered') return METHODS[m.type.value] ?? '';
  return m?.type.case === 'unregistered' ? m.type.value : '';
}

/** A match without conditions matches everything. Regular expressions match the whole value; with one that does not compile it matches nothing. */
export function compileMatch(m: Plain<HttpRouteMatch>): Matcher {
  try {
    return strictMatch(m);
  } catch (e) {
    if (e instanceof BadPattern) return () => false;
    throw e;
  }
}

/** As compileMatch, but throws BadPattern. */
export function strictMatch(m: Plain<HttpRouteMatch>): Matcher {
  const path = compilePath(m.path);
  const tests = compileTests(m);
  return (h) => takes(path, pathOf(h)) && tests.every((t) => t(h));
}

/** Throws BadPattern. */
export function compilePath(m: Plain<PathMatch> | undefined): PathTest {
  const kind = m?.kind;
  switch (kind?.case) {
    case 'exact': return { kind: 'exact', value: kind.value };
    case 'prefix': return { kind: 'prefix', value: kind.value.endsWith('/') ? kind.value.slice(0, -1) : kind.value };
    case 'regex': return { kind: 'test', matches: wholeRegex(kind.value), weight: 0 };
    default: return { kind: 'prefix', value: '' };
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

/** What has to hold beside the path. Throws BadPattern. */
export function compileTests(m: Plain<HttpRouteMatch>): Matcher[] {
  const tests: Matcher[] = [];
  const method = methodName(m.method);
  if (method !== '') tests.push((h) => h.method === method);
  tests.push(...compileHeaders(m.headers));
  for (const { name, value } of m.queryParams) {
    const test = value.case === 'regex' ? wholeRegex(value.value) : equals(value.value ?? '');
    tests.push((h) => {
      const v = queryParam(h.path, name);
      return v !== undefined && test(v);
    });
  }
  return tests;
}

/** Throws BadPattern. */
export function compileHeaders(headers: readonly Plain<HeaderMatch>[]): Matcher[] {
  return headers.map(({ name, value }) => {
    const lower = name.toLowerCase();
    const test = value.case === 'regex' ? wholeRegex(value.value) : equals(Buffer.from(value.value ?? []).toString('latin1'));
    // The message model keeps Host apart from the other fields.
    return lower === 'host' || lower === ':authority' ? (h) => test(h.authority) : (h) => anyField(h, lower, test);
  });
}

type ValueTest = (v: string) => boolean;

/** A header that comes several times matches by any of its values. */
function anyField({ fields }: RequestHead, name: string, test: ValueTest): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name && test(fields[i + 1]!)) return true;
  return false;
}

function equals(expected: string): ValueTest {
  return (v) => v === expected;
}

function wholeRegex(source: string): ValueTest {
  try {
    const re = new RegExp(`^(?:${source})$`, 'u');
    return (v) => re.test(v);
  } catch {
    throw new BadPattern(`"${source}" is not a regular expression`);
  }
}

/** The path without its query. */
export function pathOf(h: RequestHead): string {
  const q = h.path.indexOf('?');
  return q < 0 ? h.path : h.path.slice(0, q);
}

/** The first value of a query parameter, decoded. */
function queryParam(path: string, name: string): string | undefined {
  const q = path.indexOf('?');
  return q < 0 ? undefined : (new URLSearchParams(path.slice(q + 1)).get(name) ?? undefined);
}
