import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { UsageError } from '../shared/errors.ts';
import { count, durationMs, targetOf, text } from '../shared/flags.ts';
import { parseWorkloads, type WorkloadRef } from '../shared/workload-kinds.ts';

export interface TapOptions {
  target: Target;
  namespace: string | undefined;
  workload: WorkloadRef & { name: string };
  /** as the tap API takes them */
  query: Record<string, string | undefined>;
  status: StatusFilter | undefined;
  /** lines; undefined = no end */
  limit: number | undefined;
  forMs: number | undefined;
  output: 'text' | 'wide' | 'json';
}

export type StatusFilter = (status: number) => boolean;

export function validate(args: Args): TapOptions {
  const to = text(args, 'to');
  const destination = to === undefined ? undefined : single([to], '--to');
  return {
    target: targetOf(args),
    namespace: text(args, 'namespace'),
    workload: single((args['workloads'] as unknown[]).map(String), 'tap'),
    query: {
      maxRps: String(count(args, 'max-rps', 1)),
      method: text(args, 'method')?.toUpperCase(),
      path: text(args, 'path'),
      authority: text(args, 'authority'),
      scheme: text(args, 'scheme'),
      toKind: destination?.kind,
      toName: destination?.name,
      toNamespace: text(args, 'to-namespace'),
    },
    status: statusFilter(text(args, 'status')),
    limit: args['limit'] === undefined ? undefined : count(args, 'limit', 1),
    forMs: args['for'] === undefined ? undefined : durationMs(args, 'for', 1),
    output: text(args, 'output') as TapOptions['output'],
  };
}

function single(words: readonly string[], what: string): WorkloadRef & { name: string } {
  const [workload, ...more] = parseWorkloads(words);
  if (workload?.name !== undefined && more.length === 0) return { ...workload, name: workload.name };
  throw new UsageError(`${what} takes one workload by name, such as deploy/web.`);
}

/** `503`, or a class as `5xx`. */
function statusFilter(given: string | undefined): StatusFilter | undefined {
  if (given === undefined) return undefined;
  if (/^[1-5]\d\d$/.test(given)) return (status) => status === Number(given);
  if (/^[1-5]xx$/i.test(given)) return (status) => Math.floor(status / 100) === Number(given[0]);
  throw new UsageError(`--status takes a status such as 503 or a class such as 5xx, not ${JSON.stringify(given)}.`);
}
