import type { Args } from '../shared/command.ts';
import { UsageError } from '../shared/errors.ts';
import { suggest } from '../shared/suggest.ts';
import { SHELLS } from './shells.ts';

export interface CompletionOptions {
  script: string;
}

export function validate(args: Args): CompletionOptions {
  const shell = String(args['shell']);
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script !== undefined) return { script };
  const meant = suggest(shell, Object.keys(SHELLS));
  throw new UsageError(`There is no completion for ${JSON.stringify(shell)}.${meant ? ` Did you mean ${meant}?` : ''} Shells: ${Object.keys(SHELLS).join(', ')}.`);
}
