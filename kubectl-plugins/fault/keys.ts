import type { TrafficKey } from '../../api/annotations.ts';
import { GROUP } from '../../api/names.ts';

const own = <K extends TrafficKey>(key: K) => `${GROUP}/${key}` as const;

/** Annotations on a Service that ask for a fault (docs/annotations.md). */
export const FAULT_KEYS = {
  delay: own('fault-delay'),
  delayPercent: own('fault-delay-percent'),
  abort: own('fault-abort'),
  abortPercent: own('fault-abort-percent'),
  until: own('fault-until'),
} as const;
