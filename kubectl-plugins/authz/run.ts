import { stringify } from 'yaml';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { clientOf } from './client.ts';
import { explain } from './explain.ts';
import type { Asked, AuthzOptions } from './options.ts';
import { chosenPort, knownPorts, policiesAt } from './ports.ts';
import { renderDecision, renderRows } from './render.ts';
import { rowsOf } from './rows.ts';
import { readWorld, type World } from './world.ts';

export async function run(io: Io, deps: Deps, options: AuthzOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, async (kube) => {
    const namespace = options.namespace ?? kube.connection.namespace;
    const world = await readWorld(kube, namespace, options, io.signal);
    for (const { name, problem } of world.broken) {
      io.stderr.write(`AuthorizationPolicy ${name} is not counted here, since it cannot be followed: ${problem}. Proxies go on with what it said before it was broken, if it ever could be followed.\n`);
    }
    const known = knownPorts(world, options.workload.kind === 'service' ? `${namespace}/${options.workload.name}` : undefined);
    return options.asked ? answer(io, kube, options, options.asked, { world, namespace, known }) : overview(io, options, world, known);
  });
}

function overview(io: Io, options: AuthzOptions, world: World, known: readonly number[]): ExitCode {
  const ports = options.port === undefined && known.length > 0 ? known : [chosenPort(world, options, known)];
  const rows = ports.flatMap((port) => {
    const found = policiesAt(world, port);
    return found.flatMap((at) => rowsOf(world, at, found.length > 1));
  });
  write(io, options, rows, () => renderRows(rows, options.output === 'wide'));
  return EXIT.ok;
}

async function answer(io: Io, kube: KubeClient, options: AuthzOptions, asked: Asked, { world, namespace, known }: { world: World; namespace: string; known: number[] }): Promise<ExitCode> {
  const port = chosenPort(world, options, known);
  const client = await clientOf(kube, asked, world, namespace, io.signal);
  const { kind, name, short } = options.workload;
  const decisions = policiesAt(world, port).map((at) => explain(world, at, client, asked.request));
  const allowed = decisions.every((one) => one.allowed);
  const whole = { workload: { kind, name, namespace }, port, client, request: asked.request ?? null, allowed, decisions };
  write(io, options, whole, () => renderDecision(`${short}/${name}`, whole));
  return allowed ? EXIT.ok : EXIT.failed;
}

function write(io: Io, { output }: AuthzOptions, value: unknown, text: () => string): void {
  io.stdout.write(output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : output === 'yaml' ? stringify(value) : text());
}
