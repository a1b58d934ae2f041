import { stringify } from 'yaml';
import { ROTATION_REQUESTS, type IdentityStatus, type Rotated } from '../../api/identity-status.ts';
import { DEFAULT_CONTROL_NAMESPACE, IDENTITY_STATUS_CONFIG_MAP } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import { identityStatus } from '../shared/identity-status.ts';
import type { Io } from '../shared/io.ts';
import { KINDS } from '../shared/kinds.ts';
import { poll } from '../shared/poll.ts';
import { progress } from '../shared/progress.ts';
import type { IdentityOptions } from './options.ts';
import { proxyIdentities } from './proxies.ts';
import { render } from './render.ts';

const POLL_MS = 1000;

export async function run(io: Io, deps: Deps, options: IdentityOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, async (kube) => {
    const status = await known(io, kube);
    if (options.rotate) {
      await rotate(io, kube, options, options.rotate, status);
      if (options.output !== 'table') print(io, options.output, await known(io, kube));
      return EXIT.ok;
    }
    const proxies = options.proxies && (await proxyIdentities(kube, options.proxies, options.selector, io.signal));
    if (options.output === 'table') io.stdout.write(render(status, proxies, io.now()));
    else print(io, options.output, { ...status, ...(proxies && { proxies }) });
    return EXIT.ok;
  });
}

function print(io: Io, format: 'json' | 'yaml', status: IdentityStatus): void {
  io.stdout.write(format === 'json' ? `${JSON.stringify(status, null, 2)}\n` : stringify(status));
}

async function known(io: Io, kube: KubeClient): Promise<IdentityStatus> {
  const status = await identityStatus(kube, io.signal);
  if (status === 'absent') throw new CliError('The mesh is not installed in this cluster, or by a version without this command. Install it with "kubectl mesh install".', EXIT.failed);
  if (status === 'silent') throw new CliError('mesh-identity has not said anything yet. See what is wrong with "kubectl mesh check".', EXIT.failed);
  return status;
}

async function rotate(io: Io, kube: KubeClient, { wait, timeoutMs }: IdentityOptions, what: Rotated, before: IdentityStatus): Promise<void> {
  if (before.authority === 'given') {
    throw new CliError('Issuer and trust anchors of this mesh are given, so it cannot rotate them. Replace them where they come from: new anchors first, then the issuer; see docs/identity.md.', EXIT.failed);
  }
  const request = new Date(io.now()).toISOString();
  await kube.patch(KINDS.configmaps, IDENTITY_STATUS_CONFIG_MAP, DEFAULT_CONTROL_NAMESPACE, { type: 'merge', body: { metadata: { annotations: { [ROTATION_REQUESTS[what]]: request } } } }, { signal: io.signal });
  const name = what === 'issuer' ? 'issuer' : 'trust anchor';
  if (!wait) {
    const later = what === 'anchor' && before.phase !== 'Stable' ? `It begins when the rotation that runs (${before.phase}) is over. ` : '';
    io.stderr.write(`Asked for a new ${name}. ${later}Watch it with "kubectl mesh identity".\n`);
    return;
  }
  await progress(io).step(`Rotating the ${name}`, async (detail) => {
    let last = before;
    const done = await poll(io, { timeoutMs, intervalMs: POLL_MS }, async () => {
      last = await known(io, kube);
      detail(last.waitingFor ? `${last.phase}, waits for ${last.waitingFor.count} proxies` : last.phase);
      return last.handled[what] === request && (what === 'issuer' || last.phase === 'Stable' || last.phase === 'Retiring') ? true : undefined;
    });
    if (!done) throw new CliError(`The rotation is not that far yet: ${last.error ?? `it is ${last.phase}${last.waitingFor ? `, and waits for ${last.waitingFor.pods.join('; ')}` : ''}`}. It goes on by itself; watch it with "kubectl mesh identity".`, EXIT.failed);
  });
  if (what === 'anchor') io.stderr.write('Certificates are signed under the new trust anchor. The old one is retired when the last certificate under it has run out.\n');
}
