import { FAULT_KEYS } from './keys.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Service } from '../../lib/kube/types.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { KINDS } from '../shared/kinds.ts';
import { table } from '../shared/table.ts';
import type { FaultOptions, Wanted } from './options.ts';

type Values = Record<keyof typeof FAULT_KEYS, string | null>;

export async function run(io: Io, deps: Deps, options: FaultOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, async (kube) => {
    const namespace = options.namespace ?? kube.connection.namespace;
    const service = await kube.get(KINDS.services, options.service, namespace);
    const { action } = options;
    if (action.kind === 'show') return show(io, service, options);
    if (action.kind === 'remove' && !isSet(service)) throw new CliError(`Service ${options.service} in namespace ${namespace} has no fault, so there is nothing to end.`);
    const values = action.kind === 'set' ? valuesOf(action.wanted, io.now()) : valuesOf({ delay: undefined, abort: undefined, percent: 100, forMs: 0 }, 0);
    return write(io, kube, service, values, options);
  });
}

/** Annotations of a fault; null removes one that an earlier fault had. */
function valuesOf({ delay, abort, percent, forMs }: Wanted, now: number): Values {
  const share = String(percent);
  return {
    delay: delay ?? null, delayPercent: delay === undefined ? null : share,
    abort: abort ?? null, abortPercent: abort === undefined ? null : share,
    until: (delay ?? abort) === undefined ? null : new Date(now + forMs).toISOString().replace(/\.\d+Z$/, 'Z'),
  };
}

function isSet(service: Service): boolean {
  return Object.values(FAULT_KEYS).some((key) => service.metadata.annotations?.[key] !== undefined);
}

async function write(io: Io, kube: KubeClient, service: Service, values: Values, options: FaultOptions): Promise<ExitCode> {
  const annotations = Object.fromEntries(Object.entries(FAULT_KEYS).map(([name, key]) => [key, values[name as keyof Values]]));
  const { name, namespace } = service.metadata;
  const after = await kube.patch(KINDS.services, name, namespace, { type: 'merge', body: { metadata: { annotations } } }, { dryRun: options.dryRun });
  show(io, after, options);
  const set = options.action.kind === 'set';
  const end = `End it before with: kubectl mesh fault svc/${name} --remove -n ${namespace}`;
  io.stderr.write(options.dryRun ? 'Nothing was changed (--dry-run).\n' : set ? `Meshed clients of svc/${name} feel it from now on. ${end}\n` : `The fault is ended: requests for svc/${name} are left alone.\n`);
  return EXIT.ok;
}

function show(io: Io, service: Service, options: FaultOptions): ExitCode {
  const read = (key: keyof Values): string | undefined => service.metadata.annotations?.[FAULT_KEYS[key]];
  const until = read('until');
  const ended = until !== undefined && Date.parse(until) <= io.now();
  const faults = (['delay', 'abort'] as const).flatMap((kind) => {
    const value = read(kind);
    return value === undefined ? [] : [{ fault: kind, value, percent: Number(read(`${kind}Percent`) ?? 100), until: until ?? null, ended }];
  });
  if (options.output === 'json') io.stdout.write(`${JSON.stringify(faults, null, 2)}\n`);
  else if (faults.length > 0) {
    io.stdout.write(table([{ heading: 'FAULT' }, { heading: 'VALUE' }, { heading: 'REQUESTS', align: 'right' }, { heading: 'UNTIL' }], faults.map((f) => [
      f.fault, f.value, `${f.percent}%`, f.until === null ? 'it is removed' : ended ? `${f.until} (ended)` : f.until,
    ])));
  }
  if (faults.length === 0 && options.action.kind === 'show') io.stderr.write(`Service ${options.service} has no fault. Make one with: kubectl mesh fault svc/${options.service} --delay 200ms --percent 10 --for 5m\n`);
  return EXIT.ok;
}
