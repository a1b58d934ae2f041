/**
 * Counters, gauges and histograms whose handles are resolved once and then cost a few nanoseconds, and their exposition in the Prometheus
 * text format 0.0.4.
 *
 * How to use it:
 * - `family.with(labels)` gives the handle of a series: keep it where events are counted, and let go of it when its subject is gone (an endpoint,
 *   a connection). There is nothing to release. `family.permanent(labels)` is for what is always there.
 * - Handles that are found by a key of the traffic (an authority, a peer's identity) belong in a `Memo`, which lets go of what is not in use.
 * - `sweep()` once a minute: a counter or histogram without an event for IDLE_SWEEPS sweeps leaves the exposition (as Linkerd's do after 10 minutes) and is
 *   only referred to weakly from then on. When its holder counts again, it is back with what it had; when nobody holds it, it is garbage. A gauge
 *   states what is, so it stays as long as somebody holds it.
 * - There are at most `maxSeries` series. Label sets beyond are counted together, per family and direction, in a series with folded="true"; gauges beyond are left out.
 */
import { renderLabels, type Labels } from './text.ts';
import { Slots, type Folding, type Type } from './slots.ts';

export { IDLE_SWEEPS } from './slots.ts';
export type { Labels } from './text.ts';

export class Counter {
  value = 0;

  /** what changes with every event */
  get mark(): number {
    return this.value;
  }
}

export class Histogram {
  readonly bounds: readonly number[];
  /** one count per bound, and a last one for +Inf; not cumulative */
  readonly counts: Float64Array;
  sum = 0;
  mark = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(v: number): void {
    const bounds = this.bounds;
    let lo = 0;
    let hi = bounds.length;
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      if (v <= bounds[mid]!) hi = mid;
      else lo = mid + 1;
    }
    this.counts[lo]!++;
    this.sum += v;
    this.mark++;
  }
}

/** Linkerd's response latency buckets, milliseconds. */
export const LATENCY_BUCKETS_MS = [1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 40000, 50000];

export const SWEEP_MS = 60_000;
const MAX_SERIES = 10_000;
const PIECE = 32 * 1024;

class Family<T extends Counter | Histogram> {
  readonly name: string;
  readonly help: string;
  readonly type: Type;
  readonly slots: Slots<T>;

  constructor(name: string, help: string, type: Type, make: () => T, folding: Folding) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.slots = new Slots(type, make, folding);
  }

  /** The handle of the series with these labels, the same one for as long as it is held or counted in. */
  with(labels: Labels): T {
    return this.slots.get(renderLabels(labels), labels);
  }

  /** A series that is exposed for ever, events or not. */
  permanent(labels: Labels): T {
    return this.slots.pin(renderLabels(labels), labels);
  }

  /** Forgets a series at once; whoever holds its handle counts into nothing. */
  remove(labels: Labels): void {
    this.slots.delete(renderLabels(labels));
  }
}
export type CounterFamily = Family<Counter>;
export type HistogramFamily = Family<Histogram>;

export class Registry {
  /** sweeps so far; what Memo tells its generations by */
  epoch = 0;
  private readonly families: Family<Counter | Histogram>[] = [];
  private readonly collectors: (() => void)[] = [];
  private readonly folding: Folding;

  constructor(maxSeries = MAX_SERIES) {
    this.folding = { left: maxSeries, folded: null };
    const series = this.gauge('proxy_metric_series', 'Series that are kept.').permanent({});
    this.folding.folded = this.counter('proxy_metric_folded_total', 'Label sets that were counted together with others because there were too many series.').permanent({});
    this.onCollect(() => { series.value = maxSeries - this.folding.left; });
  }

  counter(name: string, help: string): CounterFamily {
    return this.add(new Family(name, help, 'counter', () => new Counter(), this.folding));
  }

  gauge(name: string, help: string): CounterFamily {
    return this.add(new Family(name, help, 'gauge', () => new Counter(), this.folding));
  }

  histogram(name: string, help: string, bounds: readonly number[]): HistogramFamily {
    return this.add(new Family(name, help, 'histogram', () => new Histogram(bounds), this.folding));
  }

  /** `f` runs before each exposition and each sweep, to set what is read rather than kept. */
  onCollect(f: () => void): void {
    this.collectors.push(f);
  }

  private add<T extends Counter | Histogram>(f: Family<T>): Family<T> {
    this.families.push(f);
    return f;
  }

  /** To be called every SWEEP_MS. */
  sweep(): void {
    for (const f of this.collectors) f();
    this.epoch++;
    for (const f of this.families) f.slots.sweep();
  }

  /** The text format in pieces of at least PIECE characters, but for the last: thousands of histograms are tens of megabytes. */
  *pieces(): Generator<string> {
    for (const f of this.collectors) f();
    let out = '';
    for (const f of this.families) {
      let head = `# HELP ${f.name} ${f.help}\n# TYPE ${f.name} ${f.type}\n`;
      for (const [labels, s] of f.slots.exposed()) {
        out += head + (s instanceof Histogram ? exposeHistogram(f.name, labels, s) : `${f.name}${braces(labels)} ${s.value}\n`);
        head = '';
        if (out.length < PIECE) continue;
        yield out;
        out = '';
      }
    }
    yield out;
  }

  /** The text format, one string. */
  expose(): string {
    return [...this.pieces()].join('');
  }
}

function exposeHistogram(name: string, labels: string, h: Histogram): string {
  let out = '';
  let total = 0;
  const prefix = labels === '' ? '' : `${labels},`;
  for (let i = 0; i < h.counts.length; i++) {
    total += h.counts[i]!;
    out += `${name}_bucket{${prefix}le="${i < h.bounds.length ? h.bounds[i] : '+Inf'}"} ${total}\n`;
  }
  return `${out}${name}_sum${braces(labels)} ${h.sum}\n${name}_count${braces(labels)} ${total}\n`;
}

function braces(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}
