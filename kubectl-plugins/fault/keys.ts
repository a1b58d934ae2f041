import { GROUP } from '../../api/names.ts';

/** Annotations on a Service that ask for a fault (docs/annotations.md). */
export const FAULT_KEYS = {
  delay: `${GROUP}/fault-delay`,
  delayPercent: `${GROUP}/fault-delay-percent`,
  abort: `${GROUP}/fault-abort`,
  abortPercent: `${GROUP}/fault-abort-percent`,
  until: `${GROUP}/fault-until`,
} as const;
