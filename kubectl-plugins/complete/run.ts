import { COMMANDS } from '../commands.ts';
import type { Args, Command, Deps } from '../shared/command.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { candidates, type Candidate } from './candidates.ts';

/** Shell directives of cobra's protocol, which kubectl speaks. */
const DIRECTIVE = { none: 0, noFiles: 4 } as const;

export interface CompleteOptions {
  words: string[];
}

export function validate(args: Args): CompleteOptions {
  return { words: (args['words'] as unknown[]).map(String) };
}

/** Never fails: a line that cannot be completed has no candidates. */
export async function run(io: Io, deps: Deps, { words }: CompleteOptions): Promise<ExitCode> {
  const found = await candidates(COMMANDS, deps, words).catch((): Candidate[] => []);
  for (const { value, describe } of found) io.stdout.write(`${value}${describe ? `\t${describe}` : ''}\n`);
  io.stdout.write(`:${takesFiles(COMMANDS.find((c) => c.name === words[0])) ? DIRECTIVE.none : DIRECTIVE.noFiles}\n`);
  return EXIT.ok;
}

function takesFiles(command: Command | undefined): boolean {
  return command?.positionals?.['files'] !== undefined;
}
