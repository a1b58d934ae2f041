import type { Options } from 'yargs';
import type { Connect } from './connect.ts';
import type { ExitCode } from './exit.ts';
import type { Io } from './io.ts';

/** What commands get besides io; tests give fakes. */
export interface Deps {
  connect: Connect;
}

/** Parsed command line: flags under their long name, positionals under theirs. Types are those that the flag declares. */
export type Args = Readonly<Record<string, unknown>>;

/** The heavy half of a command, imported only when it runs. */
export interface CommandModule<O> {
  /** throws UsageError */
  validate(args: Args): O;
  run(io: Io, deps: Deps, options: O): Promise<ExitCode>;
}

interface CommandHead {
  /** as yargs reads it, e.g. 'inject <file>' */
  usage: string;
  /** one line for the list of commands */
  summary: string;
  /** paragraphs under the usage line of --help */
  description: string;
  positionals?: Record<string, { describe: string; array?: boolean }>;
  flags: Record<string, Options>;
  /** what to type after `kubectl mesh`, and what it does */
  examples: [typed: string, does: string][];
  /** not listed in help */
  hidden?: boolean;
  /** the command takes flags it does not declare, as they stand */
  raw?: boolean;
}

/** The light half, loaded at every start; `execute` loads the other. */
export interface Command extends CommandHead {
  name: string;
  execute(io: Io, deps: Deps, args: Args): Promise<ExitCode>;
}

/** Joins the two halves of a command. */
export function command<O>(head: CommandHead, load: () => Promise<CommandModule<O>>): Command {
  return {
    ...head,
    name: head.usage.split(' ')[0]!,
    async execute(io, deps, args) {
      const module = await load();
      return module.run(io, deps, module.validate(args));
    },
  };
}
