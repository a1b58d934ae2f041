import type { Args } from '../command.ts';
import { UsageError } from '../errors.ts';
import { STDIN, text } from '../flags.ts';
import type { TransformOptions } from './run.ts';

export function validate(args: Args): TransformOptions {
  const files = (args['files'] as unknown[]).map(String);
  if (files.filter((f) => f === STDIN).length > 1) throw new UsageError('Standard input can be read once: give - only once.');
  return { files, output: text(args, 'output') as TransformOptions['output'] };
}
