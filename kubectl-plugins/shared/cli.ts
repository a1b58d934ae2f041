import yargs, { type Argv } from 'yargs';
import { VERSION } from '../../api/version.ts';
import { COMMANDS } from '../commands.ts';
import type { Args, Command, Deps } from './command.ts';
import { CliError, Interrupted, messageOf } from './errors.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { STDIN } from './flags.ts';
import type { Io } from './io.ts';
import { explain } from './kube-errors.ts';
import { style } from './style.ts';
import { usageError, type Place } from './usage.ts';

const PROGRAM = 'kubectl mesh';
const WIDTH = 100;

const EPILOGUE = `Exit codes:
  ${EXIT.ok}    done
  ${EXIT.failed}    what was asked for failed, or a check did not pass
  ${EXIT.usage}    a flag, an argument or an input file is wrong; nothing was tried
  ${EXIT.cluster}    no cluster, or it cannot be reached, or it refuses you
  ${EXIT.interrupted}  interrupted`;

/** Parses the command line (without the program's name), runs the command, writes errors, and returns the exit code. Never throws. */
export async function cli(argv: readonly string[], io: Io, deps: Deps): Promise<ExitCode> {
  const verbose = argv.includes('--verbose');
  try {
    const raw = COMMANDS.find((c) => c.raw && c.name === argv[0]);
    if (raw) return await raw.execute(io, deps, { words: argv.slice(1) });
    return await parsed(argv, io, deps);
  } catch (error) {
    if (io.signal.aborted && !(error instanceof CliError)) return report(io, new Interrupted(), verbose);
    return report(io, explain(error), verbose);
  }
}

async function parsed(argv: readonly string[], io: Io, deps: Deps): Promise<ExitCode> {
  let chosen: { command: Command; args: Args } | undefined;
  let place: Place = { command: PROGRAM, typed: argv, flags: [], commands: COMMANDS.filter((c) => !c.hidden).map((c) => c.name) };
  const parser = program((command, args) => (chosen = { command, args }), (next) => (place = { ...next, typed: argv }));
  let printed = '';
  await parser.parseAsync(argv.map((word) => (word === '-' ? STDIN : word)), {}, (error: Error | undefined | null, _argv: unknown, output: string) => {
    if (error) throw usageError(error.message, place);
    printed = output;
  });
  if (chosen) return chosen.command.execute(io, deps, chosen.args);
  io.stdout.write(`${printed || (await parser.getHelp())}\n`);
  return EXIT.ok;
}

function program(choose: (command: Command, args: Args) => void, enter: (place: Omit<Place, 'typed'>) => void): Argv {
  let parser = yargs()
    .scriptName(PROGRAM)
    .usage('$0 <command>\n\nA service mesh for Kubernetes: mutual TLS, golden metrics and traffic policy for the pods you choose.')
    .parserConfiguration({ 'parse-positional-numbers': false, 'dot-notation': false })
    .option('verbose', { type: 'boolean', describe: 'show the cause of an error, with its stack' })
    .version(VERSION)
    .help('help')
    .alias('h', 'help')
    .epilogue(EPILOGUE)
    .wrap(WIDTH)
    .exitProcess(false)
    .locale('en')
    .strict();
  for (const command of COMMANDS.filter((c) => !c.raw)) {
    parser = parser.command({
      command: command.usage,
      describe: command.hidden ? false : command.summary,
      builder: (y) => describe(y, command, enter),
      handler: (args) => choose(command, lastGiven(command, args)),
    });
  }
  return parser;
}

/** Of a flag that is given twice the last counts, as for kubectl. */
function lastGiven(command: Command, args: Args): Args {
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, name in command.flags && Array.isArray(value) ? (value as unknown[]).at(-1) : value]));
}

function describe(y: Argv, command: Command, enter: (place: Omit<Place, 'typed'>) => void): Argv {
  enter({ command: `${PROGRAM} ${command.name}`, flags: ['help', 'verbose', ...Object.keys(command.flags)], commands: [] });
  let described = y.usage(`$0 ${command.usage} [flags]\n\n${command.description}`).options(command.flags).epilogue('');
  for (const [name, positional] of Object.entries(command.positionals ?? {})) described = described.positional(name, { type: 'string', ...positional });
  for (const [typed, does] of command.examples) described = described.example(typed.startsWith(command.name) ? `${PROGRAM} ${typed}` : typed, does);
  return described;
}

function report(io: Io, error: CliError, verbose: boolean): ExitCode {
  const s = style(io.stderr);
  io.stderr.write(`${s.red(error instanceof Interrupted ? 'interrupted:' : 'error:')} ${error.message}\n`);
  if (verbose) io.stderr.write(`${s.dim(stackOf(error.cause ?? error))}\n`);
  return error.exitCode;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
}
