/** Anonymous memory of fresh processes: idle, under load, some time after, and with many idle connections. */
import path from 'node:path';
import { caseNamed } from './cases.ts';
import { Background, BenchError, sleep } from './children.ts';
import { asApplication, type LoadTools } from './load.ts';
import type { Pods } from './netns.ts';
import { anonymousMb, PeakMemory } from './process-stats.ts';
import { portOf, type Subject } from './subjects.ts';

export const IDLE_CONNECTIONS = 2000;
const WARM_UP = 200;
/** What starting has left behind is collected by then. */
const IDLE_AFTER_MS = 20_000;
const LOADS = ['h1-128', 'h1-1000'].map(caseNamed);

/** One process, MB; NaN when not measured. */
export interface MemoryRow {
  name: string;
  /** before any load, IDLE_AFTER_MS after the start */
  idle: number;
  /** highest during each load, by its name */
  peaks: Record<string, number>;
  /** some time after the loads */
  after: number;
  /** more than before, with IDLE_CONNECTIONS more */
  perConnectionKb: number;
}

type Log = (line: string) => void;
interface Entry { subject: Subject; pid: number; row: MemoryRow }

/** `start` gives fresh subjects and ends those before. */
export async function measureMemory(start: () => Promise<Subject[]>, tools: LoadTools, pods: Pods, loadCore: number, o: { seconds: number; settleSeconds: number }, log: Log): Promise<MemoryRow[]> {
  const entries = await underLoad(await start(), tools, o, log);
  for (const s of await start()) {
    const costs = await idleConnections(s, pods, loadCore);
    entries.filter((e) => e.subject.name === s.name).forEach((e, i) => { e.row.perConnectionKb = costs[i]!; });
    log(`memory  ${IDLE_CONNECTIONS} idle connections  ${s.name}`);
  }
  return entries.map((e) => e.row);
}

async function underLoad(subjects: Subject[], tools: LoadTools, o: { seconds: number; settleSeconds: number }, log: Log): Promise<Entry[]> {
  await sleep(IDLE_AFTER_MS);
  const entries = subjects.flatMap((subject) => subject.processes.map(({ name, process }): Entry => (
    { subject, pid: process.pid, row: { name, idle: anonymousMb(process.pid), peaks: {}, after: NaN, perConnectionKb: NaN } }
  )));
  for (const s of subjects) {
    const own = entries.filter((e) => e.subject === s);
    for (const c of LOADS) {
      await s.activate(c.kind);
      const peaks = own.map((e) => new PeakMemory([e.pid]));
      await tools.run(c, s.host, portOf(c), o.seconds);
      own.forEach((e, i) => { e.row.peaks[c.name] = peaks[i]!.stop(); });
      log(`memory  ${c.name.padEnd(9)} ${s.name}`);
    }
  }
  log(`waiting ${o.settleSeconds} s for memory to settle`);
  await sleep(o.settleSeconds * 1000);
  for (const e of entries) e.row.after = anonymousMb(e.pid);
  return entries;
}

/** KB that each connection adds to each process of a fresh subject. The first few are not counted: code is compiled and pools are made for them. */
async function idleConnections(s: Subject, pods: Pods, core: number): Promise<number[]> {
  await s.activate(LOADS[0]!.kind);
  const program = path.join(import.meta.dirname, 'idle-connections.ts');
  const client = new Background('the idle connections', pods.client.in(...asApplication(core), process.execPath, program, s.host, String(portOf(LOADS[0]!))));
  const memory = (): number[] => s.processes.map((p) => anonymousMb(p.process.pid));
  await open(client, WARM_UP);
  const before = memory();
  await open(client, IDLE_CONNECTIONS);
  const costs = memory().map((mb, i) => ((mb - before[i]!) * 1000) / IDLE_CONNECTIONS);
  await client.stop();
  return costs;
}

async function open(client: Background, count: number): Promise<void> {
  client.output = '';
  client.say(String(count));
  for (let i = 0; i < 300 && !client.output.includes('open'); i++) {
    client.check();
    await sleep(100);
  }
  if (!client.output.includes('open')) throw new BenchError(`${count} idle connections were not open after 30 s`);
  await sleep(3000);
}
