import type { Options } from 'yargs';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import type { Command, Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CLUSTER_FLAGS } from '../shared/flags.ts';
import { KINDS } from '../shared/kinds.ts';
import { KIND_NAMES, parseWorkloads } from '../shared/workload-kinds.ts';
import { SHELLS } from '../completion/shells.ts';

export interface Candidate {
  value: string;
  describe?: string;
}

const LIMIT = 500;

/** What the last word may become. The words before it are read only as far as that takes. */
export async function candidates(commands: readonly Command[], deps: Deps, words: readonly string[]): Promise<Candidate[]> {
  const current = words.at(-1) ?? '';
  const [name, ...given] = words.slice(0, -1);
  if (name === undefined) return commands.filter((c) => !c.hidden && c.name.startsWith(current)).map((c) => ({ value: c.name, describe: c.summary }));
  const command = commands.find((c) => c.name === name && !c.hidden);
  if (!command) return [];
  const previous = flagNamed(command, given.at(-1));
  if (previous && previous.options.type !== 'boolean') return startingWith(current, await flagValues(deps, previous, given, command, current));
  if (current.startsWith('-')) return startingWith(current, flagNames(command));
  return startingWith(current, await argumentValues(deps, command, given, current));
}

function startingWith(current: string, all: readonly Candidate[]): Candidate[] {
  return all.filter((c) => c.value.startsWith(current));
}

function flagNames(command: Command): Candidate[] {
  const own = Object.entries(command.flags).map(([name, o]) => ({ value: `--${name}`, describe: o.describe ?? '' }));
  return [...own, { value: '--help', describe: 'show help' }, { value: '--verbose', describe: 'show the cause of an error' }];
}

function flagNamed(command: Command, word: string | undefined): { name: string; options: Options } | undefined {
  const match = /^--?([a-z-]+)$/i.exec(word ?? '');
  if (!match) return undefined;
  const found = Object.entries(command.flags).find(([name, o]) => name === match[1] || o.alias === match[1]);
  return found && { name: found[0], options: found[1] };
}

async function flagValues(deps: Deps, flag: { name: string; options: Options }, given: readonly string[], command: Command, current: string): Promise<Candidate[]> {
  if (flag.options.choices) return flag.options.choices.map((choice) => ({ value: String(choice) }));
  if (flag.name === 'namespace' || flag.name === 'to-namespace') return names(deps, command, given, KINDS.namespaces);
  if (flag.name === 'to') return workloads(deps, command, [], current, given);
  return [];
}

async function argumentValues(deps: Deps, command: Command, given: readonly string[], current: string): Promise<Candidate[]> {
  const positionals = Object.keys(command.positionals ?? {});
  if (positionals.includes('shell')) return Object.keys(SHELLS).map((value) => ({ value }));
  if (!positionals.includes('workload') && !positionals.includes('workloads')) return [];
  return workloads(deps, command, positionalsOf(command, given), current, given);
}

/** Kinds, or the names of one kind once a kind is given, as `deploy/` or among the arguments before. `given` are all words, for the flags in them. */
async function workloads(deps: Deps, command: Command, before: readonly string[], current: string, given: readonly string[]): Promise<Candidate[]> {
  const [kind, ...rest] = current.split('/');
  if (rest.length > 0) return (await ofKind(deps, command, given, kind!)).map(({ value }) => ({ value: `${kind}/${value}` }));
  const [first] = before;
  if (first !== undefined && !first.includes('/')) return ofKind(deps, command, given, first);
  return KIND_NAMES.map((value) => ({ value }));
}

async function ofKind(deps: Deps, command: Command, given: readonly string[], kind: string): Promise<Candidate[]> {
  const { plural } = parseWorkloads([kind])[0]!;
  return names(deps, command, given, (KINDS as Record<string, Resource>)[plural]!);
}

async function names(deps: Deps, command: Command, given: readonly string[], resource: Resource): Promise<Candidate[]> {
  const target = { kubeconfig: flagValue(command, given, 'kubeconfig'), context: flagValue(command, given, 'context'), as: flagValue(command, given, 'as'), asGroups: [] };
  return withCluster(deps.connect, target, async (kube: KubeClient) => {
    const namespace = flagValue(command, given, 'namespace') ?? kube.connection.namespace;
    const page = await kube.page(resource, { namespace, limit: LIMIT });
    return page.items.map((item) => ({ value: item.metadata.name }));
  });
}

function flagValue(command: Command, given: readonly string[], name: string): string | undefined {
  const alias = (command.flags[name] ?? CLUSTER_FLAGS[name])?.alias;
  const index = given.findIndex((word) => word === `--${name}` || (typeof alias === 'string' && word === `-${alias}`));
  if (index !== -1) return given[index + 1];
  return given.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}

/** Words that are neither flags nor values of flags. */
function positionalsOf(command: Command, given: readonly string[]): string[] {
  return given.filter((word, i) => {
    if (word.startsWith('-')) return false;
    const before = flagNamed(command, given[i - 1]);
    return !before || before.options.type === 'boolean';
  });
}
