import { stringify } from 'yaml';
import { CANARY, type Canary } from '../../api/crds/canary.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/error.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CliError, Interrupted } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { build } from './build.ts';
import type { CanaryOptions } from './options.ts';
import { line, summary } from './render.ts';

export const CANARIES: Resource<Canary> = CANARY;
const LOOK_EVERY_MS = 1_000;
/** The controller takes up a Canary within seconds, if there is one. */
const PATIENCE_MS = 20_000;

export async function run(io: Io, deps: Deps, options: CanaryOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, async (kube) => {
    const namespace = options.namespace ?? kube.connection.namespace;
    const { deployment, action } = options;
    if (action.kind === 'start') {
      const canary = await build(kube, namespace, deployment, action.wanted);
      if (options.output !== undefined) return print(io, canary, options.output);
      return start(io, kube, namespace, canary, options);
    }
    const there = await find(kube, namespace, deployment);
    if (there === undefined) throw new CliError(`deploy/${deployment} in namespace ${namespace} has no canary. Start one with: kubectl mesh canary deploy/${deployment} --image IMAGE -n ${namespace}`);
    if (action.kind === 'show') return options.output === undefined ? show(io, there) : print(io, there, options.output);
    if (action.kind === 'remove') {
      await kube.delete(CANARIES, deployment, namespace);
      io.stderr.write(`The canary of deploy/${deployment} is removed, and all that belonged to it.\n`);
      return EXIT.ok;
    }
    if (ended(there)) throw new CliError(`The canary of deploy/${deployment} has ended: ${there.status!.phase}, ${there.status!.message}.`);
    const changed = await kube.patch(CANARIES, deployment, namespace, { type: 'merge', body: { spec: action.change } });
    io.stderr.write(`The canary of deploy/${deployment} ${action.say}.\n`);
    return options.wait && action.follow ? follow(io, kube, namespace, changed) : EXIT.ok;
  });
}

const ended = (c: Canary): boolean => c.status !== undefined && c.status.observedGeneration >= (c.metadata.generation ?? 0) && (c.status.phase === 'Succeeded' || c.status.phase === 'Failed');

async function find(kube: KubeClient, namespace: string, name: string): Promise<Canary | undefined> {
  try {
    return await kube.get(CANARIES, name, namespace);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    if (/could not find the requested resource/.test((error as Error).message)) throw new CliError('The cluster does not know the kind Canary. It comes with the mesh: see kubectl mesh check, and install it anew with kubectl mesh install --force');
    return undefined;
  }
}

function print(io: Io, canary: Canary, output: 'yaml' | 'json'): ExitCode {
  io.stdout.write(output === 'json' ? `${JSON.stringify(canary, null, 2)}\n` : stringify(canary));
  return EXIT.ok;
}

function show(io: Io, canary: Canary): ExitCode {
  io.stdout.write(summary(canary));
  return EXIT.ok;
}

async function start(io: Io, kube: KubeClient, namespace: string, canary: Canary, options: CanaryOptions): Promise<ExitCode> {
  const before = await find(kube, namespace, options.deployment);
  if (before !== undefined && !ended(before)) throw new CliError(`deploy/${options.deployment} has a canary already: ${before.status?.phase ?? 'it has just begun'}. Let it end, or end it with --promote, --rollback or --remove.`);
  if (before !== undefined) await kube.delete(CANARIES, options.deployment, namespace);
  const made = await kube.create(CANARIES, canary);
  io.stdout.write(summary(made));
  return options.wait ? follow(io, kube, namespace, made) : EXIT.ok;
}

/** A line for each change, until it has ended, waits for somebody, or Ctrl-C: the canary goes on by itself. */
async function follow(io: Io, kube: KubeClient, namespace: string, first: Canary): Promise<ExitCode> {
  const { name, generation = 0 } = first.metadata;
  const from = io.now();
  let last = '';
  for (;;) {
    if (io.signal.aborted) throw new Interrupted(`Interrupted; the canary goes on. See it with kubectl mesh canary deploy/${name} -n ${namespace}, end it with --rollback.`);
    const now = await find(kube, namespace, name);
    if (now === undefined) throw new CliError(`The canary of deploy/${name} was removed by somebody else.`);
    const { status } = now;
    if (status === undefined || status.observedGeneration < generation) {
      if (io.now() - from > PATIENCE_MS) throw new CliError(`Nobody leads the canary of deploy/${name}. The mesh leads canaries where it was installed with --canary: kubectl mesh install --force --canary`);
    } else {
      const text = line(now);
      if (text !== last) io.stdout.write(`${text}\n`);
      last = text;
      if (status.phase === 'Succeeded') return EXIT.ok;
      if (status.phase === 'Failed') throw new CliError(`The canary of deploy/${name} was rolled back: ${status.message}. The Deployment is as it was.`);
      if (status.phase === 'Waiting') {
        io.stderr.write(`It goes on until you decide: kubectl mesh canary deploy/${name} --promote (or --rollback) -n ${namespace}\n`);
        return EXIT.ok;
      }
    }
    await io.sleep(LOOK_EVERY_MS);
  }
}
