/**
 * Counters, gauges and histograms whose handles are resolved once and then cost a few nanoseconds, and their exposition in the Prometheus
 * text format 0.0.4. A series is looked up by its label text, which the caller keeps together with the handle.
 */
export type Labels = Readonly<Record<string, string>>;

export class Counter {
  value = 0;
}

export class Histogram {
  readonly bounds: readonly number[];
  /** one count per bound, and a last one for +Inf; not cumulative */
  readonly counts: Float64Array;
  sum = 0;

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
  }
}

/** Linkerd's response latency buckets, milliseconds. */
export const LATENCY_BUCKETS_MS = [1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 40000, 50000];

type Type = 'counter' | 'gauge' | 'histogram';

class Family<T extends Counter | Histogram> {
  readonly series = new Map<string, T>();
  readonly name: string;
  readonly help: string;
  readonly type: Type;
  private readonly make: () => T;

  constructor(name: string, help: string, type: Type, make: () => T) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.make = make;
  }

  with(labels: Labels): T {
    const key = renderLabels(labels);
    let s = this.series.get(key);
    if (s === undefined) this.series.set(key, s = this.make());
    return s;
  }

  /** Forgets a series, for example that of an endpoint which is gone. */
  remove(labels: Labels): void {
    this.series.delete(renderLabels(labels));
  }
}
export type CounterFamily = Family<Counter>;
export type HistogramFamily = Family<Histogram>;

export class Registry {
  private readonly families: Family<Counter | Histogram>[] = [];
  private readonly collectors: (() => void)[] = [];

  counter(name: string, help: string): CounterFamily {
    return this.add(new Family(name, help, 'counter', () => new Counter()));
  }

  gauge(name: string, help: string): CounterFamily {
    return this.add(new Family(name, help, 'gauge', () => new Counter()));
  }

  histogram(name: string, help: string, bounds: readonly number[]): HistogramFamily {
    return this.add(new Family(name, help, 'histogram', () => new Histogram(bounds)));
  }

  /** `f` runs before each exposition, to set gauges that are read rather than kept. */
  onCollect(f: () => void): void {
    this.collectors.push(f);
  }

  private add<T extends Counter | Histogram>(f: Family<T>): Family<T> {
    this.families.push(f);
    return f;
  }

  /** The text format, one string. */
  expose(): string {
    for (const f of this.collectors) f();
    let out = '';
    for (const f of this.families) {
      if (f.series.size === 0) continue;
      out += `# HELP ${f.name} ${f.help}\n# TYPE ${f.name} ${f.type}\n`;
      for (const [labels, s] of f.series) out += s instanceof Histogram ? exposeHistogram(f.name, labels, s) : `${f.name}${braces(labels)} ${s.value}\n`;
    }
    return out;
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

/** a="b",c="d" with values escaped as the text format demands */
export function renderLabels(labels: Labels): string {
  let out = '';
  for (const name in labels) {
    const value = labels[name]!;
    const escaped = /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
    out += `${out === '' ? '' : ','}${name}="${escaped}"`;
  }
  return out;
}
