import type { GrpcRouteMatch, HttpRouteMatch, ValueMatch as ValueMatchSpec } from '../kube/gateway-api.ts';
import { patternProblem } from '../pattern.ts';
import type { PathMatch, RequestMatch, ValueMatch } from '../authz/model.ts';

/** A call of a gRPC route; '' is any. */
export interface GrpcMatch {
  /** fully qualified */
  service: string;
  method: string;
  /** both are regular expressions for the whole of the name */
  regex?: true;
  headers: ValueMatch[];
}

/** Where is written down what cannot be used: a rule that is left out, or one field alone. */
export interface MatchProblems {
  rule(reason: 'UnsupportedValue', where: string, message: string): undefined;
  field(where: string, message: string): undefined;
}

const PATH_KINDS: Record<string, PathMatch['kind']> = { Exact: 'exact', PathPrefix: 'prefix', RegularExpression: 'regex' };

/** Matches of a rule; without any, every request. What cannot be matched is a problem of the rule. */
export function httpMatches(matches: HttpRouteMatch[] | undefined, where: string, problems: MatchProblems): RequestMatch[] {
  const given = matches?.length ? matches : [{}];
  return given.map((match, i) => httpMatch(match, `${where}.matches[${i}]`, problems));
}

function httpMatch({ path, headers, queryParams, method }: HttpRouteMatch, where: string, problems: MatchProblems): RequestMatch {
  const { type = 'PathPrefix', value = '/' } = path ?? {};
  const kind = PATH_KINDS[type] ?? (problems.rule('UnsupportedValue', `${where}.path.type`, `"${type}" is no kind of path match`) ?? 'exact');
  if (kind === 'regex') checkPattern(value, `${where}.path.value`, problems);
  else if (!value.startsWith('/')) problems.rule('UnsupportedValue', `${where}.path.value`, `"${value}" does not begin with /`);
  return {
    path: { kind, value },
    ...(method !== undefined && { method }),
    ...(headers?.length && { headers: valueMatches(headers, `${where}.headers`, problems, true) }),
    ...(queryParams?.length && { query: valueMatches(queryParams, `${where}.queryParams`, problems, false) }),
  };
}

export function grpcMatches(matches: GrpcRouteMatch[] | undefined, where: string, problems: MatchProblems): GrpcMatch[] {
  const given = matches?.length ? matches : [{}];
  return given.map(({ method, headers = [] }, i) => {
    const at = `${where}.matches[${i}]`;
    const { type = 'Exact', service = '', method: name = '' } = method ?? {};
    const regex = type === 'RegularExpression' || undefined;
    if (type !== 'Exact' && !regex) problems.rule('UnsupportedValue', `${at}.method.type`, `"${type}" is neither Exact nor RegularExpression`);
    if (regex) for (const [field, value] of [['service', service], ['method', name]] as const) checkPattern(value, `${at}.method.${field}`, problems);
    return { service, method: name, ...(regex && { regex }), headers: valueMatches(headers, `${at}.headers`, problems, true) };
  });
}

/** Of several matches on one name the first counts (HTTPHeaderMatch, HTTPQueryParamMatch). */
function valueMatches(given: ValueMatchSpec[], where: string, problems: MatchProblems, header: boolean): ValueMatch[] {
  const byName = new Map<string, ValueMatch>();
  for (const [i, { type = 'Exact', name: written, value }] of given.entries()) {
    const name = header ? written.toLowerCase() : written;
    const at = `${where}[${i}]`;
    if (type !== 'Exact' && type !== 'RegularExpression') problems.rule('UnsupportedValue', `${at}.type`, `"${type}" is neither Exact nor RegularExpression`);
    if (type === 'RegularExpression') checkPattern(value, `${at}.value`, problems);
    if (byName.has(name)) problems.field(at, `another match on "${written}" comes before it; this one is left out`);
    else byName.set(name, { name, kind: type === 'Exact' ? 'exact' : 'regex', value });
  }
  return [...byName.values()];
}

function checkPattern(value: string, where: string, problems: MatchProblems): void {
  const problem = patternProblem(value);
  if (problem !== undefined) problems.rule('UnsupportedValue', where, problem);
}
