import type { TrafficKey } from '../../../api/annotations.ts';
import { keyOf } from '../../../lib/kube/store.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import type { Reference } from '../model.ts';
import { readSettings } from '../../../lib/traffic/settings.ts';
import type { TrafficSettings } from '../../../lib/traffic/settings.ts';

/** The traffic settings of objects, read once a version, with what each field last was while it could be used. */
export interface Settings {
  of(object: KubeObject, reference: Reference & { kind: 'resource' }): TrafficSettings;
  /** number of objects whose last good values are held */
  readonly size: number;
}

/** Last good values live as long as the process does and the object has traffic annotations. */
export function settingsMemory(): Settings {
  const read = new WeakMap<KubeObject, TrafficSettings>();
  const good = new Map<string, Map<TrafficKey, string>>();
  return {
    of(object, reference) {
      let settings = read.get(object);
      if (settings === undefined) {
        const key = `${reference.type} ${keyOf(object)}`;
        const values = good.get(key) ?? new Map<TrafficKey, string>();
        settings = readSettings(object.metadata, reference, values);
        if (values.size > 0) good.set(key, values);
        else good.delete(key);
        read.set(object, settings);
      }
      return settings;
    },
    get size() {
      return good.size;
    },
  };
}
