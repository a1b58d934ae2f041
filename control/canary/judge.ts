import type { CanarySpec, CanaryStatus } from '../../api/crds/canary.ts';
import { parseDuration } from '../../lib/duration.ts';

/** Of the new version, as its clients saw it, over one interval; successRate from 0 to 100, null without responses. */
export type Figures = NonNullable<CanaryStatus['figures']>;

export type Verdict = { kind: 'good' } | { kind: 'bad' | 'unknown'; why: string };

/** Whether figures keep to the thresholds; too few requests, or none to be had, are no reason to go on or back. */
export function judge(figures: Figures | null, thresholds: CanarySpec['thresholds']): Verdict {
  if (figures === null) return { kind: 'unknown', why: 'the figures of the mesh cannot be had; waiting' };
  const { requests, successRate, latencyP99Ms } = figures;
  if (requests < thresholds.minRequests) return { kind: 'unknown', why: `${Math.round(requests)} requests are too few to judge by (${thresholds.minRequests} are wanted); waiting` };
  const wanted = thresholds.successRate;
  if (wanted !== undefined && successRate !== null && successRate < wanted) return { kind: 'bad', why: `success rate ${successRate.toFixed(2)} % is below ${wanted} %` };
  const limit = thresholds.latencyP99 === undefined ? undefined : parseDuration(thresholds.latencyP99);
  if (limit !== undefined && latencyP99Ms !== null && latencyP99Ms > limit) return { kind: 'bad', why: `the 99th percentile of latency, ${Math.round(latencyP99Ms)} ms, is above ${thresholds.latencyP99}` };
  return { kind: 'good' };
}
