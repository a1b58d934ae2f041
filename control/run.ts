import type { MeshConfig } from '../api/config.ts';
import type { Clock } from '../lib/clock.ts';
import { createKubeClient, type KubeClient } from '../lib/kube/client.ts';
import { inCluster } from '../lib/kube/connection.ts';
import type { Log } from '../lib/log.ts';
import type { ControlDeps, Service, StartService } from './deps.ts';
import type { ControlEnv } from './env.ts';
import { serveAdmin } from './serve/admin.ts';
import { reportOf, type MeshIdentity } from './serve/credentials.ts';
import { meshIdentity } from './serve/leaf.ts';

/** Where the service of a name is; loaded only when it is asked for, because code costs memory. */
export type ServiceRegistry = Readonly<Record<string, () => Promise<{ start: StartService }>>>;

export interface RunOptions {
  services: readonly string[];
  registry: ServiceRegistry;
  env: ControlEnv;
  config: MeshConfig;
  log: Log;
  clock: Clock;
  /** stop when aborted */
  signal: AbortSignal;
}

/** Names of services that the registry does not have. */
export function unknownServices(services: readonly string[], registry: ServiceRegistry): string[] {
  return services.filter((name) => !Object.hasOwn(registry, name));
}

/**
 * Runs the services until the signal aborts, then stops them together. The admin endpoint is there first and goes last, so that the kubelet sees a
 * live process throughout. Rejects when a service does not start; the others are stopped before.
 */
export async function runServices(options: RunOptions): Promise<void> {
  const { env, config, log, clock, signal } = options;
  const admin = await serveAdmin({ host: env.listenHost, port: env.ports.controlAdmin, log });
  let kube: KubeClient | null = null;
  let identity: MeshIdentity | null = null;
  const deps: ControlDeps = {
    config, log, clock, admin, signal,
    get kube() {
      return (kube ??= createKubeClient({
        connection: inCluster({ host: env.kubernetesHost, port: env.kubernetesPort, now: () => clock.now(), directory: env.kubernetesCredentials }),
        name: 'kubectl-mesh-control',
        clock,
      }));
    },
    get identity() {
      if (identity) return identity;
      const made = meshIdentity(env, { config, log, clock });
      admin.reportIdentity(() => reportOf(made));
      return (identity = made);
    },
  };
  const running: Service[] = [];
  try {
    const started = Promise.all(options.services.map(async (name) => {
      admin.addCheck(`start-${name}`, () => 'starting');
      const { start } = await options.registry[name]!();
      running.push(await start(env, deps));
      admin.removeCheck(`start-${name}`);
      log.info({ service: name }, 'service started');
    }));
    const aborted = untilAborted(signal);
    await Promise.race([started, aborted]);
    await aborted;
  } catch (err) {
    if (!signal.aborted) throw err;
  } finally {
    admin.addCheck('stop', () => 'stopping');
    const stopped = await Promise.allSettled(running.map((service) => service.stop()));
    for (const one of stopped) if (one.status === 'rejected') log.error({ err: one.reason as unknown }, 'service did not stop cleanly');
    (identity as MeshIdentity | null)?.stop();
    (kube as KubeClient | null)?.close();
    await admin.stop();
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
