import type { MeshConfig } from '../../api/config.ts';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, LABELS, PART_OF } from '../../api/names.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isForbidden, isNotFound, KubeError } from '../../lib/kube/error.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import type { ConfigMap, Namespace } from '../../lib/kube/types.ts';
import { watch } from '../../lib/kube/watch.ts';
import { workQueue } from '../../lib/kube/work-queue.ts';
import type { Log } from '../../lib/log.ts';

export interface DistributeOptions {
  client: KubeClient;
  config: Pick<MeshConfig, 'controlNamespace'>;
  log: Log;
  clock: Clock;
  random?: () => number;
  /** after each write */
  onWrite?: (namespace: string) => void;
}

export interface Distribution {
  stop(): Promise<void>;
}

const LABEL_VALUES = { [LABELS.component]: 'trust-anchors', [LABELS.partOf]: PART_OF };

/**
 * Keeps a copy of the trust anchors' ConfigMap in every namespace, so that injected pods can mount it: at once in new namespaces, anew when a
 * copy is deleted or edited, everywhere when the source changes. One replica does so at a time.
 */
export function distribute({ client, config, log, clock, random = Math.random, onWrite }: DistributeOptions): Distribution {
  const shared = { client, log, clock, random };
  const copies = watch({
    ...shared, resource: RESOURCES.configmaps, fieldSelector: `metadata.name=${ANCHORS_CONFIG_MAP}`, trim: ({ metadata, data, immutable }) => ({
      metadata: { name: metadata.name, namespace: metadata.namespace!, resourceVersion: metadata.resourceVersion!, ...(metadata.labels && { labels: metadata.labels }) },
      ...(data?.[ANCHORS_KEY] !== undefined && { data: { [ANCHORS_KEY]: data[ANCHORS_KEY] } }),
      ...(immutable && { immutable }),
    }),
  });
  const namespaces = watch({
    ...shared, resource: RESOURCES.namespaces, trim: ({ metadata: { name, resourceVersion, deletionTimestamp } }): Namespace => ({
      metadata: { name, resourceVersion: resourceVersion!, ...(deletionTimestamp && { deletionTimestamp }) },
    }),
  });
  const keyIn = (namespace: string) => `${namespace}/${ANCHORS_CONFIG_MAP}`;
  const source = () => copies.store.get(keyIn(config.controlNamespace))?.data?.[ANCHORS_KEY];

  /** What is being written and has not come back on the watch yet: meanwhile the store still shows the copy as wrong. */
  const written = new Map<string, string>();

  const queue = workQueue({
    clock,
    random,
    work: bring,
    onError: (namespace, error, waitMs) => log.warn({ namespace, waitMs: Math.round(waitMs), error: String(error) }, 'trust anchors not copied, trying again'),
  });

  async function bring(name: string): Promise<void> {
    const namespace = namespaces.store.get(name);
    const anchors = source();
    if (!namespace || namespace.metadata.deletionTimestamp || anchors === undefined || name === config.controlNamespace) return;
    const copy = copies.store.get(keyIn(name));
    if ((copy && isRight(copy, anchors)) || written.get(name) === anchors) return;
    const wanted: ConfigMap = { metadata: { name: ANCHORS_CONFIG_MAP, namespace: name, labels: LABEL_VALUES }, data: { [ANCHORS_KEY]: anchors } };
    written.set(name, anchors);
    try {
      // An immutable object cannot be corrected, only replaced.
      if (copy?.immutable) await client.delete(RESOURCES.configmaps, ANCHORS_CONFIG_MAP, name);
      await client.apply(RESOURCES.configmaps, wanted, { force: true, fieldManager: 'kubectl-mesh-anchors' });
    } catch (error) {
      written.delete(name);
      if (isNotFound(error) || isTerminating(error)) return;
      throw error;
    }
    log.info({ namespace: name }, 'trust anchors copied');
    onWrite?.(name);
  }

  const everywhere = () => {
    for (const name of namespaces.store.keys()) queue.add(name);
  };
  const touched = ({ metadata: { namespace = '' } }: ConfigMap) => {
    written.delete(namespace);
    if (namespace === config.controlNamespace) everywhere();
    else queue.add(namespace);
  };
  void Promise.all([copies.synced, namespaces.synced]).then(() => {
    if (source() === undefined) log.warn(`ConfigMap ${config.controlNamespace}/${ANCHORS_CONFIG_MAP} has no key ${ANCHORS_KEY} yet; kubectl mesh install writes it`);
    copies.on({ added: touched, updated: touched, deleted: touched });
    namespaces.on({ added: ({ metadata }) => queue.add(metadata.name), deleted: ({ metadata }) => queue.forget(metadata.name) });
  });

  return {
    async stop() {
      await Promise.all([copies.stop(), namespaces.stop()]);
      await queue.stop();
    },
  };
}

function isRight(copy: ConfigMap, anchors: string): boolean {
  return copy.data?.[ANCHORS_KEY] === anchors && Object.entries(LABEL_VALUES).every(([key, value]) => copy.metadata.labels?.[key] === value);
}

/** A namespace on its way out takes no new objects. */
function isTerminating(error: unknown): boolean {
  return isForbidden(error) && error instanceof KubeError && (error.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') ?? false);
}
