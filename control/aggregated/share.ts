import type { AddressInfo } from 'node:net';
import type { MeshConfig } from '../../api/config.ts';
import { LABELS, PART_OF, SERVICES, SERVING_SECRET } from '../../api/names.ts';
import { API_SERVICES } from '../../api/webhooks.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import { type Watcher, watch } from '../../lib/kube/watch.ts';
import type { ConfigMap } from '../../lib/kube/types.ts';
import type { Log } from '../../lib/log.ts';
import { type ServingKeeper, keepServing } from '../../lib/serving/keeper.ts';
import { apiService } from '../../lib/serving/targets.ts';
import { FRONT_PROXY_CONFIG, type FrontProxy, readFrontProxy } from './front-proxy.ts';
import type { ApiGroup } from './group.ts';
import { createApiServer } from './server.ts';

export interface ApiHostOptions {
  kube: KubeClient;
  clock: Clock;
  log: Log;
  config: MeshConfig;
  listen: { host: string; port: number };
}

/** A group that is served until it is withdrawn. */
export interface ApiLease { port: number; withdraw(): Promise<void> }

interface Host {
  groups: Set<ApiGroup>;
  port: number;
  stop(): Promise<void>;
}

const hosts = new WeakMap<KubeClient, { host: Promise<Host>; users: number }>();

/**
 * Serves an API group on the aggregated API's port. The groups of one process share the server: the first starts it, it ends with the last.
 * Resolves when it listens.
 */
export async function serveGroup(group: ApiGroup, options: ApiHostOptions): Promise<ApiLease> {
  const shared = hosts.get(options.kube) ?? { host: startHost(options), users: 0 };
  hosts.set(options.kube, shared);
  shared.users++;
  async function leave(): Promise<void> {
    shared.users--;
    if (shared.users > 0) return;
    hosts.delete(options.kube);
    await (await shared.host).stop();
  }
  let host: Host;
  try {
    host = await shared.host;
  } catch (error) {
    hosts.delete(options.kube);
    throw error;
  }
  host.groups.add(group);
  return {
    port: host.port,
    async withdraw() {
      if (host.groups.delete(group)) await leave();
    },
  };
}

/** The front proxy's configuration, followed. Resolves when it was read once. */
async function followFrontProxy({ kube, clock, log }: ApiHostOptions, changed: (proxy: FrontProxy | null) => void): Promise<Watcher<ConfigMap>> {
  const watcher = watch({
    client: kube, clock, log, resource: RESOURCES.configmaps, namespace: FRONT_PROXY_CONFIG.namespace, fieldSelector: `metadata.name=${FRONT_PROXY_CONFIG.name}`,
  });
  const read = (map: ConfigMap): void => {
    const proxy = readFrontProxy(map);
    if (proxy === null) log.warn('the API server is not set up for aggregated APIs (no requestheader client CA): kubectl get trafficmetrics and tap will not work');
    changed(proxy);
  };
  watcher.on({ added: read, updated: read, deleted: () => changed(null) });
  await watcher.synced;
  return watcher;
}

async function startHost(options: ApiHostOptions): Promise<Host> {
  const { kube, clock, config, listen } = options;
  const log = options.log.child({ service: 'api' });
  const groups = new Set<ApiGroup>();
  let frontProxy: FrontProxy | null = null;
  let renew = (): void => {};
  const follower = await followFrontProxy({ ...options, log }, (proxy) => {
    frontProxy = proxy;
    renew();
  });
  let keeper: ServingKeeper;
  try {
    keeper = await keepServing({
      kube, clock, log,
      secret: { name: SERVING_SECRET, namespace: config.controlNamespace, labels: { [LABELS.partOf]: PART_OF, [LABELS.component]: 'injector' } },
      names: [SERVICES.webhook, SERVICES.api].map((service) => `${service}.${config.controlNamespace}.svc`),
      targets: API_SERVICES.map(apiService),
    });
  } catch (error) {
    await follower.stop();
    throw error;
  }
  const server = createApiServer({
    tls: keeper.current(), kube,
    frontProxy: () => frontProxy,
    groups: () => Array.from(groups),
    failed: (err, path) => log.error({ err, path: path.split('?')[0] }, 'a request to the aggregated API failed'),
  });
  renew = () => server.renew(keeper.current(), frontProxy);
  keeper.onChange(renew);
  await server.app.listen(listen);
  const { port } = server.app.server.address() as AddressInfo;
  log.info({ port }, 'serving the aggregated API');
  return {
    groups,
    port,
    async stop() {
      server.app.server.closeAllConnections();
      await Promise.all([server.app.close(), follower.stop(), keeper.stop()]);
    },
  };
}
