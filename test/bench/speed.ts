import type { LoadCase } from './cases.ts';
import type { LoadTools } from './load.ts';
import type { LoadResult } from './parse.ts';
import { cpuTimes } from './process-stats.ts';
import { portOf, type Subject } from './subjects.ts';

/** One measured run. */
export interface Sample extends LoadResult {
  /** CPU seconds of all processes of the subject, and the part of them in the kernel */
  cpu: number;
  kernel: number;
  /** longest stop by garbage collection, ms; NaN where it cannot be told */
  pause: number;
  /** all stops by garbage collection, as a share of `cpu` */
  gcShare: number;
}

export interface Row {
  subject: string;
  case: LoadCase;
  /** none: the subject cannot do this */
  samples: Sample[];
}

/** Runs one case against one subject, which is active. */
export async function sample(s: Subject, c: LoadCase, tools: LoadTools, seconds: number): Promise<Sample> {
  const pids = s.processes.map((p) => p.process.pid);
  const before = pids.map(cpuTimes);
  for (const p of s.proxies) p.takePauses();
  const result = await tools.run(c, s.host, portOf(c), seconds);
  const used = pids.map(cpuTimes);
  const sum = (part: 'user' | 'kernel'): number => used.reduce((n, u, i) => n + u[part] - before[i]![part], 0);
  const pauses = s.proxies.flatMap((p) => p.takePauses());
  for (const p of s.processes) p.process.check();
  const cpu = sum('user') + sum('kernel');
  const stopped = pauses.reduce((n, ms) => n + ms, 0) / 1000;
  return { ...result, cpu, kernel: sum('kernel'), pause: pauses.length === 0 ? NaN : Math.max(...pauses), gcShare: pauses.length === 0 ? NaN : stopped / cpu };
}

/** Every case against every subject, alternated; so many rounds. The first run of each is preceded by a warm-up: what a proxy that runs for days has. */
export async function measureSpeed(
  cases: LoadCase[], subjects: Subject[], tools: LoadTools, o: { rounds: number; seconds: number }, log: (line: string) => void, between: (c: LoadCase) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = cases.flatMap((c) => subjects.map((s) => ({ subject: s.name, case: c, samples: [] })));
  for (let round = 0; round < o.rounds; round++) {
    for (const c of cases) {
      for (const s of subjects) {
        if (!s.takes(c)) continue;
        await s.activate(c.kind);
        if (round === 0) await tools.run(c, s.host, portOf(c), 2);
        const one = await sample(s, c, tools, o.seconds);
        rows.find((r) => r.subject === s.name && r.case === c)!.samples.push(one);
        log(`round ${round + 1} of ${o.rounds}  ${c.name.padEnd(9)} ${s.name.padEnd(15)} ${progress(c, one)}`);
      }
      rows.push(...await between(c));
    }
  }
  return merged(rows);
}

function progress(c: LoadCase, s: Sample): string {
  if (c.bulk) return `${(s.bytes / s.seconds / 1e6).toFixed(0).padStart(7)} MB/s   ${(s.bytes / s.cpu / 1e6).toFixed(0)} MB per CPU s`;
  return `${s.perSecond.toFixed(0).padStart(7)} req/s  ${cpuPer100k(s).toFixed(3)} CPU s/100k${s.errors > 0 ? `  ${s.errors} errors` : ''}`;
}

export function cpuPer100k(s: Sample): number {
  return (s.cpu / s.requests) * 100_000;
}

/** Rows of the same subject and case made one, in the order of the first. */
function merged(rows: Row[]): Row[] {
  const out: Row[] = [];
  for (const r of rows) {
    const same = out.find((o) => o.subject === r.subject && o.case === r.case);
    if (same === undefined) out.push({ ...r, samples: r.samples.slice() });
    else same.samples.push(...r.samples);
  }
  return out;
}
