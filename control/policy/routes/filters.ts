import type { HeaderFilter, PathModifierSpec, RouteFilter } from '../../../lib/kube/gateway-api.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { RequestMatch } from '../model.ts';
import type { Filter, Fraction, HeaderChanges, PathChange } from '../outbound/model.ts';
import { resolveBackend } from './backends.ts';
import type { RouteContext } from './context.ts';
import { faultOf } from '../../../lib/traffic/http-fault.ts';
import type { Problems } from './problems.ts';

const HTTP_FAULT = RESOURCES.httpfaults;
const REDIRECT_STATUS = 302;
const ON_GRPC = new Set(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'ExtensionRef']);

/** Filters of a rule or of one of its backends. `matches` are the rule's, for replacing the prefix that they matched. */
export function compileFilters(filters: RouteFilter[] | undefined, matches: readonly RequestMatch[], where: string, context: RouteContext, problems: Problems): Filter[] {
  if (!filters?.length) return [];
  const types = new Set(filters.map((filter) => filter.type));
  if (types.has('RequestRedirect') && types.has('URLRewrite')) {
    problems.rule('IncompatibleFilters', `${where}.filters`, 'a redirect answers the request, so there is nothing left to rewrite: use one of RequestRedirect and URLRewrite');
  }
  return filters.flatMap((filter, i) => compileFilter(filter, matches, `${where}.filters[${i}]`, context, problems) ?? []);
}

function compileFilter(filter: RouteFilter, matches: readonly RequestMatch[], where: string, context: RouteContext, problems: Problems): Filter | undefined {
  if (context.kind === 'GRPCRoute' && !ON_GRPC.has(filter.type)) return problems.rule('UnsupportedValue', where, `"${filter.type}" is no filter of a GRPCRoute`);
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return { kind: 'request-headers', changes: headerChanges(filter.requestHeaderModifier, `${where}.requestHeaderModifier`, problems) };
    case 'ResponseHeaderModifier':
      return { kind: 'response-headers', changes: headerChanges(filter.responseHeaderModifier, `${where}.responseHeaderModifier`, problems) };
    case 'RequestRedirect': {
      const { scheme, hostname, port, path, statusCode = REDIRECT_STATUS } = filter.requestRedirect ?? {};
      const change = pathChange(path, matches, where, problems);
      if (statusCode < 300 || statusCode > 399) return problems.rule('UnsupportedValue', `${where}.requestRedirect.statusCode`, `${statusCode} is no redirect`);
      return {
        kind: 'redirect', status: statusCode,
        ...(scheme !== undefined && { scheme }), ...(hostname !== undefined && { host: hostname }), ...(port !== undefined && { port }), ...(change && { path: change }),
      };
    }
    case 'URLRewrite': {
      const { hostname, path } = filter.urlRewrite ?? {};
      const change = pathChange(path, matches, where, problems);
      return { kind: 'rewrite', ...(hostname !== undefined && { host: hostname }), ...(change && { path: change }) };
    }
    case 'RequestMirror':
      return mirror(filter, where, context, problems);
    case 'ExtensionRef':
      return extension(filter, where, context, problems);
    default:
      return problems.rule('UnsupportedValue', `${where}.type`, `"${filter.type}" is not supported`);
  }
}

/** A filter that cannot be resolved must not be skipped: what it would have seen fails (HTTPRouteFilter.extensionRef). */
function extension({ extensionRef }: RouteFilter, where: string, context: RouteContext, problems: Problems): Filter {
  const { group = '', kind = '', name = '' } = extensionRef ?? {};
  const at = `${where}.extensionRef`;
  const unresolved = (reason: 'InvalidKind' | 'FilterNotFound', message: string): Filter => {
    problems.reference(reason, at, message);
    return { kind: 'fail', message: `filter ${kind} ${name}: ${message}` };
  };
  if (group !== HTTP_FAULT.group || kind !== HTTP_FAULT.kind) return unresolved('InvalidKind', `there is no filter of kind ${kind || '""'} in group ${group || '""'}`);
  const key = `${context.namespace}/${name}`;
  const object = context.view.fault(key);
  if (object === undefined) return unresolved('FilterNotFound', `there is no HTTPFault ${key}`);
  const { fault, problems: found } = faultOf(object);
  for (const { field, message } of found) problems.field(at, `HTTPFault ${key}: ${field}: ${message}`);
  return { kind: 'fault', fault };
}

/** RFC 9110 token. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Fields that describe a message as one connection carries it: a change of them would make two hops see two messages (RFC 9112 6). */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'upgrade', 'te', 'trailer']);

/** One header that cannot be changed makes the rule one that cannot be followed: a proxy would refuse the whole policy. */
function headerChanges({ add = [], set = [], remove = [] }: HeaderFilter = {}, where: string, problems: Problems): HeaderChanges {
  const nameOf = (written: string, at: string): string => {
    const name = written.toLowerCase();
    if (!TOKEN.test(name)) problems.rule('UnsupportedValue', at, `"${written}" is no name of a header`);
    else if (FRAMING.has(name)) problems.rule('UnsupportedValue', at, `header ${written} belongs to the connection and cannot be changed`);
    return name;
  };
  const pairs = (list: { name: string; value: string }[], field: string) => list.map(({ name, value }, i): [string, string] => {
    if (/[\0\r\n]/.test(value)) problems.rule('UnsupportedValue', `${where}.${field}[${i}]`, 'the value has a line break in it');
    return [nameOf(name, `${where}.${field}[${i}]`), value];
  });
  return { add: pairs(add, 'add'), set: pairs(set, 'set'), remove: remove.map((name, i) => nameOf(name, `${where}.remove[${i}]`)) };
}

/** What a path may hold: visible ASCII, no query, no fragment (RFC 3986 3.3, percent-encoding not looked into). */
const PATH = /^[\x21-\x22\x24-\x3e\x40-\x7e]*$/;

function pathChange(path: PathModifierSpec | undefined, matches: readonly RequestMatch[], where: string, problems: Problems): PathChange | undefined {
  if (path === undefined) return undefined;
  const value = path.replaceFullPath ?? path.replacePrefixMatch ?? '';
  if (!PATH.test(value)) return problems.rule('UnsupportedValue', `${where}.path`, `"${value}" is no path`);
  if (path.type === 'ReplaceFullPath') return { kind: 'full', value: path.replaceFullPath ?? '/' };
  if (path.type !== 'ReplacePrefixMatch') return problems.rule('UnsupportedValue', `${where}.path.type`, `"${path.type}" is neither ReplaceFullPath nor ReplacePrefixMatch`);
  if (!matches.every((match) => match.path.kind === 'prefix')) {
    return problems.rule('IncompatibleFilters', `${where}.path`, 'ReplacePrefixMatch needs a rule whose matches are all of type PathPrefix');
  }
  return { kind: 'prefix', value: path.replacePrefixMatch ?? '/' };
}

function mirror({ requestMirror }: RouteFilter, where: string, context: RouteContext, problems: Problems): Filter | undefined {
  if (requestMirror === undefined) return problems.rule('UnsupportedValue', where, 'requestMirror is missing');
  const { backendRef, percent, fraction } = requestMirror;
  let share: Fraction | undefined;
  if (percent !== undefined) share = { numerator: percent, denominator: 100 };
  else if (fraction !== undefined) share = { numerator: fraction.numerator, denominator: fraction.denominator ?? 100 };
  if (share !== undefined && !(share.denominator > 0 && share.numerator >= 0 && share.numerator <= share.denominator)) {
    return problems.rule('UnsupportedValue', `${where}.requestMirror`, `${share.numerator} of ${share.denominator} is no share of requests`);
  }
  const backend = resolveBackend(backendRef, `${where}.requestMirror.backendRef`, context, problems);
  if (backend === undefined || share?.numerator === 0) return undefined;
  return { kind: 'mirror', backend, ...(share && { fraction: share }) };
}
