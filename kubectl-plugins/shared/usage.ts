import { UsageError } from './errors.ts';
import { suggest } from './suggest.ts';

/** What the parser was reading when it gave up. */
export interface Place {
  /** what the person types to get help, e.g. 'kubectl mesh install' */
  command: string;
  /** long names of the flags that the command takes */
  flags: readonly string[];
  commands: readonly string[];
  /** the command line as it was given */
  typed: readonly string[];
}

/** Turns a message of yargs into one paragraph that says what is wrong and what was probably meant. */
export function usageError(message: string, place: Place): UsageError {
  return new UsageError(`${explain(message, place)} See "${place.command} --help".`);
}

function explain(message: string, place: Place): string {
  const unknown = /^Unknown arguments?: (.+)$/.exec(message) ?? /^Unknown commands?: (.+)$/.exec(message);
  if (unknown) return unknownArgument(unknown[1]!.split(', ')[0]!, place);
  const missing = /^Not enough arguments following: (.+)$/.exec(message);
  if (missing) return `The flag ${dashed(missing[1]!)} needs a value.`;
  const invalid = /Argument: (\S+), Given: (.*), Choices: (.*)$/s.exec(message);
  if (invalid) return invalidChoice(invalid[1]!, invalid[2]!, invalid[3]!);
  if (message.startsWith('Not enough non-option arguments')) return `"${place.command}" needs an argument that was not given.`;
  return message.replaceAll(/\s+/g, ' ').replace(/[.]?$/, '.');
}

function unknownArgument(found: string, place: Place): string {
  // A mistyped command makes its flags unknown too; the command is what to talk about.
  const first = place.typed[0];
  const name = place.flags.length === 0 && first && !first.startsWith('-') ? first : found;
  const asFlag = !place.typed.includes(name);
  if (!asFlag && place.flags.length > 0) return `"${place.command}" takes no argument ${JSON.stringify(name)}.`;
  if (!asFlag) {
    const meant = suggest(name, place.commands);
    return `"${place.command}" has no command ${JSON.stringify(name)}.${meant ? ` Did you mean "${place.command} ${meant}"?` : ''}`;
  }
  const meant = suggest(name, place.flags);
  return `"${place.command}" does not know ${dashed(name)}.${meant ? ` Did you mean --${meant}?` : ''}`;
}

function invalidChoice(name: string, given: string, choices: string): string {
  const values = [...choices.matchAll(/"([^"]*)"/g)].map((m) => m[1]!);
  const meant = suggest(given.replaceAll('"', ''), values);
  return `${dashed(name)} is ${given}, and takes one of ${values.join(', ')}.${meant ? ` Did you mean ${meant}?` : ''}`;
}

function dashed(name: string): string {
  return `${name.length === 1 ? '-' : '--'}${name}`;
}
