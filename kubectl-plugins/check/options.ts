import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { durationMs, flag, targetOf, text } from '../shared/flags.ts';

export interface CheckOptions {
  target: Target;
  pre: boolean;
  waitMs: number;
  /** proxies of this namespace only */
  namespace: string | undefined;
  output: 'table' | 'json' | 'short';
}

export function validate(args: Args): CheckOptions {
  return {
    target: targetOf(args),
    pre: flag(args, 'pre'),
    waitMs: durationMs(args, 'wait', 0),
    namespace: text(args, 'namespace'),
    output: text(args, 'output') as CheckOptions['output'],
  };
}
