import type { TrafficKey } from '../../../api/annotations.ts';
import { keyOf } from '../../../lib/kube/store.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import type { Reference } from '../model.ts';
import { readSettings } from '../../../lib/traffic/settings.ts';
import type { TrafficSettings } from '../../../lib/traffic/settings.ts';

/** Annotations of one object as they last were while they could be used. */
export type Values = Partial<Record<TrafficKey, string>>;

/** The traffic settings of objects, read once a version, with what each field last was while it could be used. */
export interface Settings {
  of(object: KubeObject, reference: Reference & { kind: 'resource' }): TrafficSettings;
  /** what counts as last good of an object that was read; undefined for one without traffic annotations */
  values(object: KubeObject, reference: Reference & { kind: 'resource' }): Values | undefined;
  /** number of objects whose last good values are held */
  readonly size: number;
}

export const settingsKey = ({ type }: Reference & { kind: 'resource' }, object: KubeObject): string => `${type} ${keyOf(object)}`;

/** `kept`: what an earlier process of the control plane held (by settingsKey); asked once an object. */
export function settingsMemory(kept: (key: string) => Values | undefined = () => undefined): Settings {
  const read = new WeakMap<KubeObject, TrafficSettings>();
  const good = new Map<string, Map<TrafficKey, string>>();

  function of(object: KubeObject, reference: Reference & { kind: 'resource' }): TrafficSettings {
    const known = read.get(object);
    if (known !== undefined) return known;
    const key = settingsKey(reference, object);
    const values = good.get(key) ?? new Map(Object.entries(kept(key) ?? {}) as [TrafficKey, string][]);
    const settings = readSettings(object.metadata, reference, values);
    if (values.size > 0) good.set(key, values);
    else good.delete(key);
    read.set(object, settings);
    return settings;
  }

  return {
    of,
    values(object, reference) {
      of(object, reference);
      const values = good.get(settingsKey(reference, object));
      return values && Object.fromEntries(values);
    },
    get size() {
      return good.size;
    },
  };
}
