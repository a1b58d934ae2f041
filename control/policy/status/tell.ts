import type { EventRecorder } from '../../events.ts';

export interface Told { apiVersion: string; kind: string; name: string; namespace: string; uid?: string }

/** Warnings about objects, each told once: what is gone and comes back is told again. */
export interface Teller {
  tell(object: Told, reason: string, messages: readonly string[]): void;
  /** the object is no more */
  forget(kind: string, key: string): void;
}

export function teller(events: EventRecorder): Teller {
  const told = new Map<string, Set<string>>();
  return {
    tell(object, reason, messages) {
      const key = `${object.kind} ${object.namespace}/${object.name}`;
      const before = told.get(key);
      for (const message of messages) if (!before?.has(message)) events.record(object, 'Warning', reason, message);
      if (messages.length > 0) told.set(key, new Set(messages));
      else told.delete(key);
    },
    forget: (kind, key) => void told.delete(`${kind} ${key}`),
  };
}
