/**
 * The last good values of traffic annotations in a ConfigMap, so that an edit that breaks one changes nothing when the control plane restarts, and
 * all its processes see the same. One process writes it (the one that leads, keep.ts), all read it when they come upon an object.
 */
import { POLICY_SETTINGS_CONFIG_MAP } from '../../../api/names.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { ConfigMap } from '../../../lib/kube/types.ts';
import { watch } from '../../../lib/kube/watch.ts';
import type { Log } from '../../../lib/log.ts';
import type { Values } from './memory.ts';

export interface KeptOptions { client: KubeClient; namespace: string; clock: Clock; log: Log }

export interface Kept {
  /** by settingsKey */
  of(key: string): Values | undefined;
  /** the ConfigMap as it is; undefined where there is none */
  data(): Readonly<Record<string, string>> | undefined;
  readonly synced: Promise<void>;
  /** null, or why it is not known yet */
  problem(): string | null;
  stop(): Promise<void>;
}

export function watchKept({ client, namespace, clock, log }: KeptOptions): Kept {
  const watcher = watch<ConfigMap>({ client, resource: RESOURCES.configmaps, namespace, fieldSelector: `metadata.name=${POLICY_SETTINGS_CONFIG_MAP}`, clock, log });
  const data = () => {
    const object = watcher.store.get(`${namespace}/${POLICY_SETTINGS_CONFIG_MAP}`);
    return object && (object.data ?? {});
  };
  return {
    data,
    of(key) {
      const of = key.slice(key.indexOf(' ') + 1, key.indexOf('/'));
      return parsed(data()?.[of])[key];
    },
    synced: watcher.synced,
    problem: () => (watcher.hasSynced() ? null : `ConfigMap ${POLICY_SETTINGS_CONFIG_MAP} not read yet${watcher.lastError() ? ` (${watcher.lastError()!.message})` : ''}`),
    stop: () => watcher.stop(),
  };
}

/** What is no such text is as good as none. */
function parsed(text: string | undefined): Record<string, Values> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, Values>) : {};
  } catch {
    return {};
  }
}
