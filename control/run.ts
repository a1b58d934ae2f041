import { Counter } from '@prometheus-io/client';
import type { MeshConfig } from '../api/config.ts';
import { aborted } from '../lib/aborted.ts';
import type { Clock } from '../lib/clock.ts';
import { sleep } from '../lib/kube/backoff.ts';
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
  /** how long it goes on serving after that, unready: until nobody is sent here any more */
  lingerMs: number;
}

/** Names of services that the registry does not have. */
export function unknownServices(services: readonly string[], registry: ServiceRegistry): string[] {
  return services.filter((name) => !Object.hasOwn(registry, name));
}

/**
 * Runs the services until the signal aborts, and a little longer, then stops them together. A pod that ends is taken out of its Services at the same moment, but nodes and
 * API servers learn of that a little later: who is sent here until then is served, and who is told to leave does not come back. What is led is given up
 * at once. The admin endpoint is there first and goes last, so that the kubelet sees a live process throughout. Rejects when a service does not start; the others are stopped before.
 */
export async function runServices(options: RunOptions): Promise<void> {
  const { env, config, log, clock, signal } = options;
  const admin = await serveAdmin({ host: env.listenHost, port: env.ports.controlAdmin, log });
  const lists = new Counter({ name: 'mesh_kube_lists_total', help: 'Lists asked of the API server, page by page', labelNames: ['resource'], registers: [admin.registry] });
  let kube: KubeClient | null = null;
  let identity: MeshIdentity | null = null;
  const deps: ControlDeps = {
    config, log, clock, admin, signal,
    get kube() {
      return (kube ??= createKubeClient({
        connection: inCluster({ host: env.kubernetesHost, port: env.kubernetesPort, now: () => clock.now(), directory: env.kubernetesCredentials }),
        name: 'kubectl-mesh-control',
        clock,
        onList: ({ plural }) => lists.inc({ resource: plural }),
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
  let served = false;
  try {
    const started = Promise.all(options.services.map(async (name) => {
      admin.addCheck(`start-${name}`, () => 'starting');
      const { start } = await options.registry[name]!();
      running.push(await start(env, deps));
      admin.removeCheck(`start-${name}`);
      log.info({ service: name }, 'service started');
    }));
    const stopped = aborted(signal);
    await Promise.race([started.then(() => { served = true; }), stopped]);
    await stopped;
  } catch (err) {
    if (!signal.aborted) throw err;
  } finally {
    admin.addCheck('stop', () => 'stopping');
    if (served) await sleep(clock, options.lingerMs, new AbortController().signal);
    const ends = await Promise.allSettled(running.map((service) => service.stop()));
    for (const one of ends) if (one.status === 'rejected') log.error({ err: one.reason as unknown }, 'service did not stop cleanly');
    (identity as MeshIdentity | null)?.stop();
    (kube as KubeClient | null)?.close();
    await admin.stop();
  }
}
