/** Which requests a route takes: http_route.proto HttpRouteMatch (Gateway API HTTPRouteMatch), compiled once an update. */
import type { Plain } from '../../lib/grpc/wire.ts';
import type { HeaderMatch, HttpRouteMatch, PathMatch } from '../../api/gen/http_route_pb.js';
import type { HttpMethod } from '../../api/gen/http_types_pb.js';
import { equals, headerTest, methodTest, pathOf, pathTest, queryTest, takes, type PathTest, type RequestTest } from '../../lib/authz/request-match.ts';
import { BadPattern, wholePattern } from '../../lib/pattern.ts';

export { BadPattern, pathOf, takes };
export type { PathTest };
export type Matcher = RequestTest;

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
  return kind?.case === undefined ? { kind: 'prefix', value: '' } : pathTest(kind.case, kind.value);
}

/** What has to hold beside the path. Throws BadPattern. */
export function compileTests(m: Plain<HttpRouteMatch>): Matcher[] {
  const tests: Matcher[] = [];
  const method = methodName(m.method);
  if (method !== '') tests.push(methodTest(method));
  tests.push(...compileHeaders(m.headers));
  for (const { name, value } of m.queryParams) tests.push(queryTest(name, value.case === 'regex' ? wholePattern(value.value) : equals(value.value ?? '')));
  return tests;
}

/** Throws BadPattern. */
export function compileHeaders(headers: readonly Plain<HeaderMatch>[]): Matcher[] {
  return headers.map(({ name, value }) => (
    headerTest(name, value.case === 'regex' ? wholePattern(value.value) : equals(Buffer.from(value.value ?? []).toString('latin1')))
  ));
}
