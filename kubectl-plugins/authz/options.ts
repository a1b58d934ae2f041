import { isIP } from 'node:net';
import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { UsageError } from '../shared/errors.ts';
import { flag, targetOf, text } from '../shared/flags.ts';
import { parseWorkloads, type WorkloadRef } from '../shared/workload-kinds.ts';

/** Who calls. `account` without a namespace is in that of the workload. */
export type From =
  | { kind: 'account'; name: string; namespace: string | undefined }
  | { kind: 'identity'; identity: string }
  | { kind: 'unauthenticated' };

export interface Asked {
  from: From;
  ip: string | undefined;
  /** undefined: a connection that is not HTTP */
  request: { method: string; path: string } | undefined;
}

export interface AuthzOptions {
  target: Target;
  namespace: string | undefined;
  workload: WorkloadRef & { name: string };
  port: string | undefined;
  /** undefined: list what is in force */
  asked: Asked | undefined;
  output: 'table' | 'wide' | 'json' | 'yaml';
}

const NAME = '[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?';
const ACCOUNT = new RegExp(`^(?:sa|serviceaccount|serviceaccounts)/(?:(${NAME})/)?(${NAME})$`);
/** RFC 9110 token, in upper case: methods of other cases are other methods. */
const METHOD = /^[A-Z][A-Z-]*$/;

export function validate(args: Args): AuthzOptions {
  const [workload, ...more] = parseWorkloads([String(args['workload'])]);
  const { name } = workload!;
  if (more.length > 0 || name === undefined || workload!.kind === 'namespace') throw new UsageError(`${JSON.stringify(args['workload'])} is not one workload; write KIND/NAME, such as deploy/web.`);
  return {
    target: targetOf(args), namespace: text(args, 'namespace'), workload: { ...workload!, name }, port: text(args, 'port'),
    asked: askedOf(args), output: text(args, 'output') as AuthzOptions['output'],
  };
}

function askedOf(args: Args): Asked | undefined {
  const [from, ip, method, path] = (['from', 'from-ip', 'method', 'path'] as const).map((name) => text(args, name));
  const [unauthenticated, tcp] = [flag(args, 'unauthenticated'), flag(args, 'tcp')];
  if (from !== undefined && unauthenticated) throw new UsageError('--from names who calls, and --unauthenticated says that nobody can tell: give one of the two.');
  if (tcp && (method ?? path) !== undefined) throw new UsageError('--tcp is a connection that is not HTTP, so it has neither --method nor --path.');
  if (ip !== undefined && isIP(ip) === 0) throw new UsageError(`--from-ip takes an address such as 10.244.0.9, not ${JSON.stringify(ip)}.`);
  if (method !== undefined && !METHOD.test(method)) throw new UsageError(`--method takes a method in upper case such as GET, not ${JSON.stringify(method)}.`);
  if (path !== undefined && !path.startsWith('/')) throw new UsageError(`--path takes a path such as /orders, not ${JSON.stringify(path)}.`);
  if (from === undefined && ip === undefined && !unauthenticated) {
    if (tcp || (method ?? path) !== undefined) throw new UsageError('Say who calls: --from sa/NAME, --from-ip IP or --unauthenticated.');
    return undefined;
  }
  return { from: from === undefined ? { kind: 'unauthenticated' } : clientOf(from), ip, request: tcp ? undefined : { method: method ?? 'GET', path: path ?? '/' } };
}

function clientOf(given: string): From {
  const account = ACCOUNT.exec(given);
  if (account) return { kind: 'account', name: account[2]!, namespace: account[1] };
  if (/^[a-z0-9][-a-z0-9]*(\.[a-z0-9][-a-z0-9]*)+$/.test(given)) return { kind: 'identity', identity: given };
  throw new UsageError(`--from takes sa/NAME, sa/NAMESPACE/NAME or a mesh identity in full, not ${JSON.stringify(given)}.`);
}
