import type { FaultDelay, FaultMatch, HttpFault } from '../../api/crds/http-fault.ts';
import { parseDuration } from '../duration.ts';
import { patternProblem } from '../pattern.ts';
import { RESOURCES } from '../kube/resources.ts';
import type { PathMatch, RequestMatch } from '../authz/model.ts';
import type { Delay, Fault, Fraction } from './model.ts';
import type { FieldProblem } from './read.ts';

const PATH_KINDS: Record<string, PathMatch['kind']> = { Exact: 'exact', Prefix: 'prefix', RegularExpression: 'regex' };
/** Of a percentage; what is finer counts as this. */
const PARTS = 1_000_000;

/**
 * What an HTTPFault does. The API server holds the object to its schema; what slips past that is a problem, and left out: a delay or an abort
 * without its number does nothing, a match that cannot be followed matches nothing, a fault whose end cannot be told never begins.
 */
export function faultOf({ metadata, spec }: HttpFault): { fault: Fault; problems: FieldProblem[] } {
  const problems: FieldProblem[] = [];
  const problem = (field: string, message: string): undefined => void problems.push({ field, message });
  const { group, kind } = RESOURCES.httpfaults;
  const delay = spec.delay && delayOf(spec.delay, problem);
  const until = spec.until === undefined ? undefined : Date.parse(spec.until);
  if (until !== undefined && Number.isNaN(until)) problem('spec.until', `"${spec.until}" is no moment; the fault does nothing`);
  const matches = spec.matches?.flatMap((match, i) => matchOf(match, `spec.matches[${i}]`, problem) ?? []);
  const nothing = Number.isNaN(until) || (matches !== undefined && spec.matches!.length > 0 && matches.length === 0);
  const { httpStatus, grpcStatus } = spec.abort ?? {};
  const status = httpStatus ?? grpcStatus;
  return {
    problems,
    fault: {
      reference: { kind: 'resource', group, type: kind, name: metadata.name, namespace: metadata.namespace ?? '' },
      ...(matches?.length && { matches }),
      ...(delay && !nothing && { delay: { ...delay, ...share(spec.delay?.percentage) } }),
      ...(status !== undefined && !nothing && { abort: { kind: httpStatus === undefined ? 'grpc' : 'http', status, ...share(spec.abort?.percentage) } }),
      ...(until !== undefined && !Number.isNaN(until) && { untilUnixSeconds: Math.ceil(until / 1000) }),
    },
  };
}

function share(percentage = 100): { fraction?: Fraction } {
  return percentage >= 100 ? {} : { fraction: { numerator: Math.max(1, Math.round((percentage / 100) * PARTS)), denominator: PARTS } };
}

function delayOf({ fixed, min, max, mean, standardDeviation }: FaultDelay, problem: (field: string, message: string) => undefined): Delay | undefined {
  const ms = (field: string, text: string): number | undefined => parseDuration(text) ?? problem(`spec.delay.${field}`, `"${text}" is no duration; there is no delay`);
  if (fixed !== undefined) {
    const value = ms('fixed', fixed);
    return value === undefined ? undefined : { kind: 'fixed', ms: value };
  }
  if (min !== undefined && max !== undefined) {
    const [minMs, maxMs] = [ms('min', min), ms('max', max)];
    if (minMs === undefined || maxMs === undefined) return undefined;
    if (minMs > maxMs) return problem('spec.delay', `${min} is longer than ${max}; there is no delay`);
    return { kind: 'uniform', minMs, maxMs };
  }
  if (mean !== undefined && standardDeviation !== undefined) {
    const [meanMs, deviationMs] = [ms('mean', mean), ms('standardDeviation', standardDeviation)];
    return meanMs === undefined || deviationMs === undefined ? undefined : { kind: 'normal', meanMs, deviationMs };
  }
  return problem('spec.delay', 'it says no length; there is no delay');
}

function matchOf({ path, method, headers }: FaultMatch, where: string, problem: (field: string, message: string) => undefined): RequestMatch | undefined {
  const { type = 'Prefix', value = '/' } = path ?? {};
  const kind = PATH_KINDS[type];
  if (kind === undefined) return problem(`${where}.path.type`, `"${type}" is no kind of path match; it matches nothing`);
  const patterns = [...(kind === 'regex' ? [value] : []), ...(headers ?? []).filter((header) => header.type === 'RegularExpression').map((header) => header.value)];
  for (const pattern of patterns) {
    const wrong = patternProblem(pattern);
    if (wrong !== undefined) return problem(where, `${wrong}; it matches nothing`);
  }
  return {
    path: { kind, value },
    ...(method !== undefined && { method }),
    ...(headers?.length && { headers: headers.map((header) => ({ name: header.name.toLowerCase(), kind: header.type === 'RegularExpression' ? 'regex' : 'exact', value: header.value })) }),
  };
}
