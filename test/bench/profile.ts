/** Profiles of the proxies under a case, of CPU time and of allocations: top functions, and a flame graph each. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LoadCase } from './cases.ts';
import { flameGraph } from './flame.ts';
import type { LoadTools } from './load.ts';
import { fixed, table } from './report.ts';
import { sample, type Sample } from './speed.ts';
import { portOf, type Subject } from './subjects.ts';
import { allocationTree, topFunctions, tree, type AllocationProfile, bundlePlaces, type CpuProfile, type Frame, type Places } from './v8-profile.ts';

const TOP = 40;

interface Kind {
  /** of the probe's commands and of the files */
  name: string;
  extension: string;
  read(json: string, places: Places): Frame;
  /** one line over the table */
  summary(root: Frame, run: Sample): string;
}

const KINDS: Kind[] = [
  {
    name: 'cpu', extension: 'cpuprofile', read: (json, places) => tree(JSON.parse(json) as CpuProfile, places),
    summary: (_, run) => `shares of the time in JavaScript and what it calls; ${fixed((run.kernel / run.cpu) * 100, 0)} % of the CPU time of all processes is in the kernel`,
  },
  {
    name: 'allocations', extension: 'heapprofile', read: (json, places) => allocationTree(JSON.parse(json) as AllocationProfile, places),
    summary: (root, run) => `shares of the bytes allocated, ${Number.isFinite(run.requests) ? `${fixed(root.total / run.requests, 0)} bytes a request` : `${fixed(root.total / 1e6, 0)} MB`}`,
  },
];

interface ProfileOptions {
  seconds: number;
  /** gets CASE-PROCESS-KIND.{cpuprofile or heapprofile,svg,md} */
  profileDir: string;
}

/** Resolves with the tables. `bundle`: the file that the proxies run. */
export async function profileCases(cases: LoadCase[], subjects: Subject[], tools: LoadTools, o: ProfileOptions, bundle: string, log: (line: string) => void): Promise<string> {
  mkdirSync(o.profileDir, { recursive: true });
  const places = bundlePlaces(readFileSync(bundle, 'utf8'));
  const texts: string[] = [];
  for (const c of cases) {
    for (const s of subjects) {
      if (s.proxies.length === 0 || !s.takes(c)) continue;
      await s.activate(c.kind);
      await tools.run(c, s.host, portOf(c), 3);
      for (const kind of KINDS) texts.push(...await profile(kind, c, s, tools, o, places, log));
    }
  }
  return texts.join('\n\n');
}

async function profile(kind: Kind, c: LoadCase, s: Subject, tools: LoadTools, o: ProfileOptions, places: Places, log: (line: string) => void): Promise<string[]> {
  const files = s.processes.map((p) => path.resolve(o.profileDir, `${c.name}-${p.name.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${kind.name}`));
  for (const p of s.proxies) await p.probe(`${kind.name}-start`);
  const run = await sample(s, c, tools, o.seconds);
  for (const [i, p] of s.proxies.entries()) await p.probe(`${kind.name}-stop ${files[i]}.${kind.extension}`);
  return files.map((file, i) => {
    const root = kind.read(readFileSync(`${file}.${kind.extension}`, 'utf8'), places);
    const title = `${c.title}: ${s.processes[i]!.name}, ${kind.name}`;
    writeFileSync(`${file}.svg`, flameGraph(root, title));
    const rows = topFunctions(root, TOP).map((f) => [f.name, fixed(f.self * 100, 1), fixed(f.total * 100, 1)]);
    const text = `${title} (${kind.summary(root, run)})\n\n${table(['function', 'self %', 'total %'], rows, 1)}`;
    writeFileSync(`${file}.md`, `${text}\n`);
    log(`profile  ${file}.svg`);
    return text;
  });
}
