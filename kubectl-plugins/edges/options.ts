import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { UsageError } from '../shared/errors.ts';
import { scopeOf, targetOf, text, type Scope } from '../shared/flags.ts';
import { parseWorkloads, type WorkloadRef } from '../shared/workload-kinds.ts';

export interface EdgesOptions {
  target: Target;
  scope: Scope;
  workload: WorkloadRef;
  output: 'table' | 'wide' | 'json' | 'yaml';
}

export function validate(args: Args): EdgesOptions {
  const [workload, ...more] = parseWorkloads([String(args['workload'])]);
  if (!workload || more.length > 0) throw new UsageError('edges shows one kind at a time, such as deploy.');
  if (workload.kind === 'namespace' || workload.kind === 'service') {
    throw new UsageError(`Connections run between pods, so edges has no ${workload.plural}; ask for deploy, sts, ds, job or po.`);
  }
  return { target: targetOf(args), scope: scopeOf(args), workload, output: text(args, 'output') as EdgesOptions['output'] };
}
