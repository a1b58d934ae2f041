import type { Deps } from '../shared/command.ts';
import type { ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { decideInject } from '../shared/manifests/decide.ts';
import { transformAll, type TransformOptions } from '../shared/manifests/run.ts';

export function run(io: Io, _deps: Deps, options: TransformOptions): Promise<ExitCode> {
  return transformAll(io, options, decideInject);
}
