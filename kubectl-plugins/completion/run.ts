import type { Deps } from '../shared/command.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import type { CompletionOptions } from './options.ts';

export function run(io: Io, _deps: Deps, options: CompletionOptions): Promise<ExitCode> {
  io.stdout.write(options.script);
  return Promise.resolve(EXIT.ok);
}
