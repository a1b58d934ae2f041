import type { TrafficMetrics } from '../../api/metrics-api.ts';
import { table } from '../shared/table.ts';
import type { Weight } from './options.ts';

const NONE = '-';
const RIGHT = { align: 'right' } as const;

function share(weight: number, all: readonly Weight[]): string {
  const total = all.reduce((sum, w) => sum + w.weight, 0);
  return total === 0 ? NONE : `${Number(((weight / total) * 100).toFixed(1))}%`;
}

/** What is and what will be, a line a Service that has a weight in either. */
export function changes(before: readonly Weight[], after: readonly Weight[]): string {
  const names = [...new Set([...before, ...after].map((w) => w.service))];
  const of = (all: readonly Weight[], name: string): Weight | undefined => all.find((w) => w.service === name);
  return table([{ heading: '' }, { heading: 'SERVICE' }, { heading: 'NOW', ...RIGHT }, { heading: 'THEN', ...RIGHT }, { heading: 'SHARE', ...RIGHT }], names.map((name) => {
    const [was, will] = [of(before, name), of(after, name)];
    const sign = was?.weight === will?.weight ? ' ' : was === undefined ? '+' : will === undefined ? '-' : '~';
    return [sign, name, String(was?.weight ?? NONE), String(will?.weight ?? NONE), will === undefined ? NONE : share(will.weight, after)];
  }));
}

/** Where the traffic really goes; `seen` are the figures of the Services. */
export function effect(weights: readonly Weight[], seen: ReadonlyMap<string, TrafficMetrics>): string {
  const rps = (name: string): number => seen.get(name)?.requestsPerSecond ?? 0;
  const total = weights.reduce((sum, w) => sum + rps(w.service), 0);
  const headings = ['WEIGHT', 'SHARE', 'SEEN', 'RPS', 'SUCCESS', 'LATENCY_P50', 'LATENCY_P99'].map((heading) => ({ heading, ...RIGHT }));
  return table([{ heading: 'SERVICE' }, ...headings], weights.map((w) => {
    const m = seen.get(w.service);
    const ms = (value: number | null | undefined): string => (value === null || value === undefined ? NONE : `${Math.round(value)}ms`);
    return [
      w.service, String(w.weight), share(w.weight, weights),
      total === 0 ? NONE : `${((rps(w.service) / total) * 100).toFixed(1)}%`,
      m?.requestsPerSecond === null || m === undefined ? NONE : m.requestsPerSecond.toFixed(1),
      m?.successRate === null || m === undefined ? NONE : `${(m.successRate * 100).toFixed(2)}%`,
      ms(m?.latencyMs.p50), ms(m?.latencyMs.p99),
    ];
  }));
}
