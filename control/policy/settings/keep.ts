import { hasTrafficSettings } from '../../../api/annotations.ts';
import { POLICY_SETTINGS_CONFIG_MAP } from '../../../api/names.ts';
import type { Timer } from '../../../lib/clock.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import { workQueue } from '../../../lib/kube/work-queue.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { aborted } from '../../cluster/live.ts';
import type { Changes } from '../../cluster/live.ts';
import type { PolicyView } from '../../cluster/route-view.ts';
import { token } from '../../cluster/view.ts';
import type { Routes } from '../../cluster/routes.ts';
import type { Reference } from '../model.ts';
import { routeReference, serviceReference } from '../routes/context.ts';
import { findRoute, isRouteKind } from '../status/write.ts';
import type { Kept, KeptOptions } from './kept.ts';
import { settingsKey } from './memory.ts';
import type { Settings, Values } from './memory.ts';

/** Changes are gathered for this long: one write for a rollout of many. */
const GATHER_MS = 1000;
/** The API server takes a megabyte; what does not fit is not kept. */
const MAX_BYTES = 900_000;

export interface ReadOptions { changes: Changes<PolicyView>; cluster: Cluster; routes: Routes; settings: Settings }

const SERVICE = token.service('');

type Annotated = [object: KubeObject, reference: Reference & { kind: 'resource' }];

function* annotated({ cluster, routes }: ReadOptions): Generator<Annotated> {
  for (const service of cluster.services()) if (hasTrafficSettings(service.metadata)) yield [service, serviceReference(service)];
  for (const route of routes.all()) if (hasTrafficSettings(route.object.metadata)) yield [route.object, routeReference(route)];
}

/** Reads each version of what has traffic annotations, used or not, so that what was good last is known of all. Returns what ends it. */
export function readSettingsEagerly(options: ReadOptions): () => void {
  const { changes, settings } = options;
  let stop: (() => void) | null = () => undefined;
  // Not before what was kept is there: an object is held against it when it is read first.
  void changes.synced.then(() => {
    if (stop === null) return;
    stop = changes.onChange((changed) => {
      const object = annotatedAt(changed, changes.view);
      if (object) settings.of(...object);
    });
    for (const object of annotated(options)) settings.of(...object);
  });
  return () => {
    stop?.();
    stop = null;
  };
}

function annotatedAt(changed: string, view: PolicyView): Annotated | undefined {
  const route = findRoute(changed, view);
  const service = changed.startsWith(SERVICE) ? view.service(changed.slice(SERVICE.length)) : undefined;
  if (route && hasTrafficSettings(route.object.metadata)) return [route.object, routeReference(route)];
  return service && hasTrafficSettings(service.metadata) ? [service, serviceReference(service)] : undefined;
}

/** Keeps the ConfigMap in step until the signal aborts. */
export async function keepSettings(options: ReadOptions & KeptOptions & { kept: Kept }, signal: AbortSignal): Promise<void> {
  const { client, namespace, clock, log, changes, settings, kept } = options;
  let gathering: Timer | null = null;

  async function write(): Promise<void> {
    const stored = kept.data();
    if (stored === undefined) return;
    const wanted = texts(Array.from(annotated(options), ([object, reference]) => ({ key: settingsKey(reference, object), namespace: reference.namespace, values: settings.values(object, reference) })));
    for (const left of wanted.left) log.warn({ namespace: left }, 'more traffic annotations than can be kept: those of this namespace are not held over a restart');
    const changed = [...new Set([...Object.keys(stored), ...wanted.data.keys()])].filter((name) => stored[name] !== wanted.data.get(name));
    if (changed.length === 0) return;
    const data = Object.fromEntries(changed.map((name) => [name, wanted.data.get(name) ?? null]));
    await client.patch(RESOURCES.configmaps, POLICY_SETTINGS_CONFIG_MAP, namespace, { type: 'merge', body: { data } }, { signal });
  }

  const queue = workQueue({ work: write, clock, onError: (_, err, retryInMs) => log.warn({ reason: (err as Error).message, retryInMs }, 'the last good annotations could not be kept, trying again') });
  const soon = (): void => {
    gathering ??= clock.after(GATHER_MS, () => {
      gathering = null;
      queue.add('settings');
    });
  };
  const unsubscribe = changes.onChange((changed) => {
    if (changed.startsWith(SERVICE) || isRouteKind(changed.split(' ')[0]!)) soon();
  });
  await Promise.race([changes.synced, aborted(signal)]);
  if (!signal.aborted) soon();
  await aborted(signal);
  unsubscribe();
  clock.cancel(gathering);
  await queue.stop();
}

interface Held { key: string; namespace: string; values: Values | undefined }

/** A text for each namespace; `left`: namespaces for which there was no room. */
function texts(held: readonly Held[]): { data: Map<string, string>; left: string[] } {
  const byNamespace = Map.groupBy(held.filter(({ values }) => values), ({ namespace }) => namespace);
  const data = new Map<string, string>();
  const left: string[] = [];
  let bytes = 0;
  for (const [name, objects] of [...byNamespace].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = JSON.stringify(Object.fromEntries(objects.map(({ key, values }) => [key, values] as const).sort(([a], [b]) => (a < b ? -1 : 1))));
    const more = Buffer.byteLength(text) + name.length;
    if (bytes + more > MAX_BYTES) {
      left.push(name);
      continue;
    }
    bytes += more;
    data.set(name, text);
  }
  return { data, left };
}
