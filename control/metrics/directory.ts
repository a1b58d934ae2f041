import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import type { Pod } from '../../lib/kube/types.ts';
import { type WatchLog, watch } from '../../lib/kube/watch.ts';
import { type PodFacts, factsOf } from './facts.ts';

/** Every pod of the cluster, as metrics and tap see it. */
export interface PodDirectory {
  pods(): IterableIterator<PodFacts>;
  get(key: string): PodFacts | undefined;
  /** the pod that has this address now; none for addresses of nodes */
  byIp(ip: string): PodFacts | undefined;
  onChange(listener: (pod: PodFacts, gone: boolean) => void): () => void;
  readonly synced: Promise<void>;
  /** null, or why pods are not known yet */
  problem(): string | null;
  stop(): Promise<void>;
}

export interface DirectoryOptions { kube: KubeClient; clock: Clock; log: WatchLog; controlNamespace: string }

/** Only facts are kept: the watch's own copy of a pod is cut down to its name. */
function bare(pod: Pod): Pod {
  const { name, namespace, resourceVersion } = pod.metadata;
  return { metadata: { name, ...(namespace !== undefined && { namespace }), ...(resourceVersion !== undefined && { resourceVersion }) }, spec: { containers: [] } };
}

export function startDirectory({ kube, clock, log, controlNamespace }: DirectoryOptions): PodDirectory {
  const known = new Map<string, PodFacts>();
  const addresses = new Map<string, string>();
  const listeners = new Set<(pod: PodFacts, gone: boolean) => void>();
  let latest: PodFacts | undefined;
  const watcher = watch({
    client: kube, clock, log, resource: RESOURCES.pods,
    trim: (pod) => {
      latest = factsOf(pod, controlNamespace);
      return bare(pod);
    },
  });
  /** Pods on their node's network share its address and are not found by it. */
  const address = (old: PodFacts | undefined, now: PodFacts | undefined): void => {
    if (old?.ip && addresses.get(old.ip) === old.key) addresses.delete(old.ip);
    if (now?.ip && !now.hostNetwork) addresses.set(now.ip, now.key);
  };
  /** The watch trims each object right before it tells of it. */
  const changed = ({ metadata }: Pod): void => {
    const facts = latest;
    if (facts === undefined || facts.key !== `${metadata.namespace ?? ''}/${metadata.name}`) return;
    address(known.get(facts.key), facts);
    known.set(facts.key, facts);
    for (const listener of listeners) listener(facts, false);
  };
  watcher.on({
    added: changed,
    updated: changed,
    deleted({ metadata }) {
      const facts = known.get(`${metadata.namespace ?? ''}/${metadata.name}`);
      if (facts === undefined) return;
      known.delete(facts.key);
      address(facts, undefined);
      for (const listener of listeners) listener({ ...facts, live: false, ip: null }, true);
    },
  });
  return {
    pods: () => known.values(),
    get: (key) => known.get(key),
    byIp: (ip) => known.get(addresses.get(ip) ?? ''),
    onChange(listener) {
      listeners.add(listener);
      for (const pod of known.values()) listener(pod, false);
      return () => listeners.delete(listener);
    },
    synced: watcher.synced,
    problem: () => (watcher.hasSynced() ? null : `pods not listed yet${watcher.lastError() ? ` (${watcher.lastError()!.message})` : ''}`),
    async stop() {
      listeners.clear();
      await watcher.stop();
    },
  };
}

const running = new WeakMap<KubeClient, { directory: PodDirectory; users: number }>();

/** The one directory of a client, for the services of one process; it ends when each has released it. */
export function shareDirectory(options: DirectoryOptions): { directory: PodDirectory; release: () => Promise<void> } {
  const shared = running.get(options.kube) ?? { directory: startDirectory(options), users: 0 };
  running.set(options.kube, shared);
  shared.users++;
  let released = false;
  return {
    directory: shared.directory,
    async release() {
      if (released) return;
      released = true;
      shared.users--;
      if (shared.users > 0) return;
      running.delete(options.kube);
      await shared.directory.stop();
    },
  };
}
