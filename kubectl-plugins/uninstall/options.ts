import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { durationMs, flag, targetOf, text } from '../shared/flags.ts';

export interface UninstallOptions {
  target: Target;
  output: 'yaml' | 'json' | undefined;
  force: boolean;
  timeoutMs: number;
}

export function validate(args: Args): UninstallOptions {
  return {
    target: targetOf(args),
    output: text(args, 'output') as UninstallOptions['output'],
    force: flag(args, 'force'),
    timeoutMs: durationMs(args, 'timeout', 1000),
  };
}
