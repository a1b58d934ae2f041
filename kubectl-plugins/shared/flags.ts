import type { Options } from 'yargs';
import { formatDuration, parseDuration } from '../../lib/duration.ts';
import type { Args } from './command.ts';
import type { Target } from './connect.ts';
import { UsageError } from './errors.ts';

/** Standard input among file arguments. yargs 18 drops a lone `-` from a list of arguments, so cli.ts puts this in its place before parsing. */
export const STDIN = '<stdin>';

/** Flags of every command that talks to a cluster. */
export const CLUSTER_FLAGS: Record<string, Options> = {
  kubeconfig: { type: 'string', describe: 'kubeconfig file to use instead of $KUBECONFIG or ~/.kube/config', requiresArg: true },
  context: { type: 'string', describe: 'kubeconfig context to use instead of the current one', requiresArg: true },
  as: { type: 'string', describe: 'user to impersonate', requiresArg: true },
  'as-group': { type: 'string', describe: 'groups to impersonate, separated by commas', requiresArg: true },
};

export const NAMESPACE_FLAG: Options = { alias: 'n', type: 'string', describe: 'namespace to look in (default: that of the context)', requiresArg: true };
export const ALL_NAMESPACES_FLAG: Options = { alias: 'A', type: 'boolean', describe: 'look in all namespaces' };
export const SELECTOR_FLAG: Options = { alias: 'l', type: 'string', describe: 'label selector, e.g. app=web,tier!=db', requiresArg: true };

export function outputFlag<T extends string>(choices: readonly T[], fallback: T | undefined, describe = 'format of the output'): Options {
  return { alias: 'o', type: 'string', choices, requiresArg: true, describe, ...(fallback === undefined ? {} : { default: fallback }) };
}

/** Which cluster, from CLUSTER_FLAGS. */
export function targetOf(args: Args): Target {
  const groups = text(args, 'as-group');
  return { kubeconfig: text(args, 'kubeconfig'), context: text(args, 'context'), as: text(args, 'as'), asGroups: groups ? groups.split(',') : [] };
}

/** A string flag; an empty value counts as not given. */
export function text(args: Args, name: string): string | undefined {
  const value = args[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function flag(args: Args, name: string): boolean {
  return args[name] === true;
}

/** A flag that must be a whole number from `min` up. */
export function count(args: Args, name: string, min: number): number {
  const value = args[name];
  const number = typeof value === 'number' ? value : Number(value);
  if (!Number.isInteger(number) || number < min) throw new UsageError(`--${name} takes a whole number from ${min} up, not ${JSON.stringify(value)}.`);
  return number;
}

/** A flag with values separated by commas; undefined when it was not given, [] when it was given empty. */
export function list(args: Args, name: string): string[] | undefined {
  const value = args[name];
  if (typeof value !== 'string') return undefined;
  return value.split(',').map((v) => v.trim()).filter((v) => v !== '');
}

/** A flag that is a duration, in milliseconds. */
export function durationMs(args: Args, name: string, min: number): number {
  const given = text(args, name) ?? '';
  const ms = parseDuration(given);
  if (ms === undefined) throw new UsageError(`--${name} takes a duration such as 30s, 5m or 24h, not ${JSON.stringify(given)}.`);
  if (ms < min) throw new UsageError(`--${name} is ${given}, which is too short; the least is ${formatDuration(min)}.`);
  return ms;
}

/** Where to look: one namespace, that of the context, or all. */
export type Scope = { all: true } | { all: false; namespace: string | undefined };

export function scopeOf(args: Args): Scope {
  const namespace = text(args, 'namespace');
  if (!flag(args, 'all-namespaces')) return { all: false, namespace };
  if (namespace !== undefined) throw new UsageError('-n names one namespace and -A means all of them: give one of the two.');
  return { all: true };
}

/** The namespace that a scope means on a cluster; undefined for all. */
export function namespaceIn(scope: Scope, contextNamespace: string): string | undefined {
  return scope.all ? undefined : (scope.namespace ?? contextNamespace);
}
