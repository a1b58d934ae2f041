/** CPU profiles of the proxies under a case: top functions, and a flame graph each. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LoadCase } from './cases.ts';
import { topFunctions, tree, type CpuProfile } from './cpu-profile.ts';
import { flameGraph } from './flame.ts';
import type { LoadTools } from './load.ts';
import { fixed, table } from './report.ts';
import { sample } from './speed.ts';
import { portOf, type Subject } from './subjects.ts';

const TOP = 40;

/** Writes DIR/CASE-PROCESS.{cpuprofile,svg,md}; resolves with the tables. */
export async function profileCases(cases: LoadCase[], subjects: Subject[], tools: LoadTools, seconds: number, dir: string, log: (line: string) => void): Promise<string> {
  mkdirSync(dir, { recursive: true });
  const texts: string[] = [];
  for (const c of cases) {
    for (const s of subjects) {
      if (s.proxies.length === 0 || !s.takes(c)) continue;
      await s.activate(c);
      await tools.run(c, s.host, portOf(c), 3);
      for (const p of s.proxies) await p.probe('profile-start');
      const run = await sample(s, c, tools, seconds);
      for (const [i, p] of s.proxies.entries()) {
        const name = s.processes[i]!.name;
        const file = path.resolve(dir, `${c.name}-${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}`);
        await p.probe(`profile-stop ${file}.cpuprofile`);
        const root = tree(JSON.parse(readFileSync(`${file}.cpuprofile`, 'utf8')) as CpuProfile);
        const title = `${c.title}: ${name}`;
        writeFileSync(`${file}.svg`, flameGraph(root, title));
        const rows = topFunctions(root, TOP).map((f) => [f.name, fixed(f.self * 100, 1), fixed(f.total * 100, 1)]);
        const text = `${title} (of all: ${fixed((run.kernel / run.cpu) * 100, 0)} % of CPU time in the kernel)\n\n${table(['function', 'self %', 'total %'], rows, 1)}`;
        writeFileSync(`${file}.md`, `${text}\n`);
        texts.push(text);
        log(`profile  ${file}.svg`);
      }
    }
  }
  return texts.join('\n\n');
}
