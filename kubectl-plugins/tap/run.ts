import { TAP_GROUP, TAP_VERSION, type TapEvent } from '../../api/metrics-api.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { lineSplitter } from '../../lib/kube/lines.ts';
import { fromMesh } from '../shared/aggregated.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { byStatus } from './by-status.ts';
import type { TapOptions } from './options.ts';
import { tapLine } from './render.ts';

export async function run(io: Io, deps: Deps, options: TapOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, (kube) => tap(io, kube, options));
}

/** Ctrl-C, --limit and --for are how a tap is meant to end: all are 0. */
async function tap(io: Io, kube: KubeClient, options: TapOptions): Promise<ExitCode> {
  const over = new AbortController();
  const signal = AbortSignal.any([io.signal, over.signal]);
  if (options.forMs !== undefined) void io.sleep(options.forMs).then(() => over.abort());
  try {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    for await (const event of events(kube, options, signal)) {
      io.stdout.write(options.output === 'json' ? `${JSON.stringify(event)}\n` : tapLine(event, options.output === 'wide'));
      await io.stdout.drained();
      if (--left <= 0) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    over.abort();
  }
  return EXIT.ok;
}

async function* events(kube: KubeClient, options: TapOptions, signal: AbortSignal): AsyncGenerator<TapEvent> {
  const namespace = options.namespace ?? kube.connection.namespace;
  const { plural, name } = options.workload;
  const path = `/apis/${TAP_GROUP}/${TAP_VERSION}/watch/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}/tap`;
  const { body } = await fromMesh(() => kube.stream({ path, query: options.query, signal, what: `tap ${options.workload.short}/${name} in ${namespace}` }));
  const lines = lineSplitter();
  const choose = options.status ? byStatus(options.status) : (event: TapEvent) => [event];
  try {
    for await (const chunk of body) for (const line of lines(chunk as Buffer)) yield* choose(parse(line));
  } finally {
    body.destroy();
  }
  if (!signal.aborted) throw new CliError('The control plane ended the tap. Start it again; if it ends again, see what is wrong with "kubectl mesh check".');
}

function parse(line: string): TapEvent {
  try {
    return JSON.parse(line) as TapEvent;
  } catch (cause) {
    throw new CliError(`The control plane sent a line that is no tap event: ${line.slice(0, 200)}`, EXIT.failed, { cause });
  }
}
