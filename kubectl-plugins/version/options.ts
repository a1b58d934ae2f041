import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { flag, targetOf, text } from '../shared/flags.ts';

export interface VersionOptions {
  target: Target;
  clientOnly: boolean;
  output: 'text' | 'short' | 'json' | 'yaml';
}

export function validate(args: Args): VersionOptions {
  return { target: targetOf(args), clientOnly: flag(args, 'client'), output: text(args, 'output') as VersionOptions['output'] };
}
