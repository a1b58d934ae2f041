import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { durationMs, scopeOf, targetOf, text, type Scope } from '../shared/flags.ts';
import { parseWorkloads, type WorkloadRef } from '../shared/workload-kinds.ts';

export interface StatOptions {
  target: Target;
  scope: Scope;
  workloads: WorkloadRef[];
  selector: string | undefined;
  windowMs: number;
  output: 'table' | 'wide' | 'json' | 'yaml';
}

export function validate(args: Args): StatOptions {
  return {
    target: targetOf(args),
    scope: scopeOf(args),
    workloads: parseWorkloads((args['workloads'] as unknown[]).map(String)),
    selector: text(args, 'selector'),
    windowMs: durationMs(args, 'time-window', 1000),
    output: text(args, 'output') as StatOptions['output'],
  };
}
