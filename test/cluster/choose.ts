/** Which provider to use: the one that was asked for, or the best that works here. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { ClusterError, type ClusterProvider } from './provider.ts';
import type { Env } from './env.ts';
import { exec, type Exec } from './exec.ts';
import { existingProvider } from './existing.ts';
import { kindProvider } from './kind.ts';
import { localProvider } from './local/provider.ts';

export const PROVIDERS = ['local', 'kind', 'existing'] as const;
export type ProviderName = (typeof PROVIDERS)[number];

export interface Choice {
  /** chosen automatically between kind and local if absent */
  provider?: ProviderName;
  /** for existing */
  kubeconfig?: string;
  /** for existing */
  context?: string;
}

/** What the choice depends on; facts about this machine. */
export interface Machine {
  platform: string;
  uid: number;
  has(program: string): Promise<boolean>;
  dockerAnswers(): Promise<boolean>;
}

export function thisMachine(env: Env, run: Exec): Machine {
  const folders = (env.vars['PATH'] ?? '').split(delimiter).filter(Boolean);
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    has: async (program) => {
      const found = await Promise.all(folders.map((dir) => access(join(dir, program), constants.X_OK).then(() => true, () => false)));
      return found.includes(true);
    },
    dockerAnswers: async () => (await run('docker', ['version', '--format', '{{.Server.Version}}'])).code === 0,
  };
}

/** Name of the provider to use. Throws ClusterError if none can work here. */
export async function chooseName(choice: Choice, machine: Machine): Promise<ProviderName> {
  if (choice.provider !== undefined) return choice.provider;
  if (choice.kubeconfig !== undefined || choice.context !== undefined) {
    throw new ClusterError('--kubeconfig and --context name a cluster that exists already, which is only used when asked for. Add --provider existing, or leave them away.');
  }
  const docker = (await machine.has('docker')) && (await machine.dockerAnswers());
  const kind = await machine.has('kind');
  if (docker && kind) return 'kind';
  if (machine.platform === 'linux' && machine.uid === 0) return 'local';
  const missing = [docker ? 'Docker answers, but the command kind is not on PATH' : 'no Docker daemon answers', machine.platform === 'linux' ? 'this user is not root' : 'this is not Linux'];
  throw new ClusterError(
    `No way to make a cluster was found here: ${missing.join(', and ')}. Do one of these: install and start Docker and kind; ` +
      'run the command as root on Linux, which needs no Docker (--provider local); or use a cluster you have with --provider existing --kubeconfig FILE --context NAME.',
  );
}

/** The provider to use. Throws ClusterError if none can work here, or the one asked for cannot. */
export async function choose(choice: Choice, env: Env, run: Exec = exec): Promise<ClusterProvider> {
  const machine = thisMachine(env, run);
  const name = await chooseName(choice, machine);
  if (name === 'existing') return existingProvider(choice, env, run);
  if (name === 'kind') return kindProvider({ env, run });
  if (machine.platform !== 'linux' || machine.uid !== 0) {
    throw new ClusterError('The local provider runs Kubernetes in namespaces of this machine, which needs Linux and root. Run the command as root (sudo), or use --provider kind or --provider existing.');
  }
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  return localProvider({ env, run, date: () => new Date(), now: () => performance.now(), sleep });
}
