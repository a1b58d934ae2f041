/** Which requests a route takes: http_route.proto HttpRouteMatch (Gateway API HTTPRouteMatch), compiled once an update. */
import type { Plain } from '../../lib/grpc/wire.ts';
import type { HttpRouteMatch } from '../../api/gen/http_route_pb.js';
import type { HttpMethod } from '../../api/gen/http_types_pb.js';
import { field, type RequestHead } from '../message/contract.ts';

export type Matcher = (head: RequestHead) => boolean;

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'HEAD', 'TRACE'];

/** Name of a method message; '' when absent. */
export function methodName(m: Plain<HttpMethod> | undefined): string {
  if (m?.type.case === 'registered') return METHODS[m.type.value] ?? '';
  return m?.type.case === 'unregistered' ? m.type.value : '';
}

/** A match without conditions matches everything. Regular expressions match the whole value; one that does not compile matches nothing. */
export function compileMatch(m: Plain<HttpRouteMatch>): Matcher {
  const tests: Matcher[] = [];
  const path = m.path?.kind;
  if (path?.case === 'exact') tests.push((h) => pathOf(h) === path.value);
  if (path?.case === 'prefix') tests.push(prefixTest(path.value));
  if (path?.case === 'regex') {
    const test = wholeRegex(path.value);
    tests.push((h) => test(pathOf(h)));
  }
  const method = methodName(m.method);
  if (method !== '') tests.push((h) => h.method === method);
  for (const { name, value } of m.headers) {
    const test = value.case === 'regex' ? wholeRegex(value.value) : equals(Buffer.from(value.value ?? []).toString('latin1'));
    tests.push((h) => test(field(h.fields, name.toLowerCase())));
  }
  for (const { name, value } of m.queryParams) {
    const test = value.case === 'regex' ? wholeRegex(value.value) : equals(value.value ?? '');
    tests.push((h) => test(queryParam(h.path, name)));
  }
  return (h) => tests.every((t) => t(h));
}

type ValueTest = (v: string | undefined) => boolean;

function equals(expected: string): ValueTest {
  return (v) => v === expected;
}

function wholeRegex(source: string): ValueTest {
  try {
    const re = new RegExp(`^(?:${source})$`, 'u');
    return (v) => v !== undefined && re.test(v);
  } catch {
    return () => false;
  }
}

function pathOf(h: RequestHead): string {
  const q = h.path.indexOf('?');
  return q < 0 ? h.path : h.path.slice(0, q);
}

/** By whole path elements: /a matches /a and /a/b, never /ab (Gateway API PathPrefix). */
function prefixTest(prefix: string): Matcher {
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return (h) => {
    const p = pathOf(h);
    return p.startsWith(bare) && (p.length === bare.length || p[bare.length] === '/');
  };
}

function queryParam(path: string, name: string): string | undefined {
  const q = path.indexOf('?');
  return q < 0 ? undefined : (new URLSearchParams(path.slice(q + 1)).get(name) ?? undefined);
}
