import { stringify } from 'yaml';
import { DEFAULT_CONTROL_NAMESPACE } from '../../api/names.ts';
import { VERSION } from '../../api/version.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { installedVersion } from '../shared/installed.ts';
import { injectedPods, proxyVersion } from '../shared/workloads.ts';
import type { VersionOptions } from './options.ts';

interface Versions {
  client: string;
  /** null when no control plane is installed; absent with --client */
  server?: string | null;
  /** proxies that run, by version */
  proxies?: Record<string, number>;
}

/** A cluster that cannot be asked is an error, after the client's version is printed. */
export async function run(io: Io, deps: Deps, options: VersionOptions): Promise<ExitCode> {
  if (options.clientOnly) {
    io.stdout.write(render({ client: VERSION }, options.output));
    return EXIT.ok;
  }
  let asked: Versions;
  try {
    asked = await withCluster(deps.connect, options.target, (kube) => inCluster(kube, io.signal));
  } catch (error) {
    io.stdout.write(render({ client: VERSION }, options.output));
    throw error;
  }
  io.stdout.write(render(asked, options.output));
  return EXIT.ok;
}

async function inCluster(kube: KubeClient, signal: AbortSignal): Promise<Versions> {
  const server = (await installedVersion(kube, DEFAULT_CONTROL_NAMESPACE, signal)) ?? null;
  const proxies: Record<string, number> = {};
  for (const pod of await injectedPods(kube, { signal })) proxies[proxyVersion(pod)] = (proxies[proxyVersion(pod)] ?? 0) + 1;
  return { client: VERSION, server, proxies };
}

function render(versions: Versions, output: VersionOptions['output']): string {
  switch (output) {
    case 'json':
      return `${JSON.stringify(versions, null, 2)}\n`;
    case 'yaml':
      return stringify(versions);
    case 'short':
      return [versions.client, ...(versions.server === undefined ? [] : [versions.server ?? 'none']), ...Object.keys(versions.proxies ?? {})].map((v) => `${v}\n`).join('');
    case 'text':
      return text(versions);
  }
}

function text(versions: Versions): string {
  const lines = [`Client version: ${versions.client}`];
  if (versions.server !== undefined) lines.push(`Server version: ${versions.server ?? 'not installed'}`);
  const proxies = Object.entries(versions.proxies ?? {});
  if (proxies.length > 0) lines.push('Proxy versions:', ...proxies.map(([version, pods]) => `  ${version} (${pods} pod${pods === 1 ? '' : 's'})`));
  return `${lines.join('\n')}\n`;
}
