/** `npm run bench`: CPU, speed and memory of the proxy beside haproxy on the same path in the same run. Prints tables, asserts nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { hideBin } from 'yargs/helpers';
import { BenchError, killAll, sleep } from './children.ts';
import { load } from './load.ts';
import { MeshBinaries } from './mesh.ts';
import { makePods, type Pods } from './netns.ts';
import { parseOptions, type Options } from './options.ts';
import { anonymousMb, cpuSeconds, PeakMemory, processesWith } from './process-stats.ts';
import { memoryTable, speedTable, type MemoryRow, type Row } from './report.ts';
import { startSubjects, type Subject } from './subjects.ts';
import { ensureTools } from './tools.ts';
import { startNginx } from './upstream.ts';

const log = (line: string): void => console.error(line);

function checkMachine(o: Options): void {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new BenchError('The bench makes network namespaces and iptables rules: run it as root on Linux.');
  const cores = os.cpus().length;
  if (Math.max(o.proxyCore, o.loadCore) >= cores) throw new BenchError(`This machine has ${cores} CPU(s): the bench needs CPUs ${o.proxyCore} and ${o.loadCore}. See --proxy-core and --load-core.`);
}

const pidsOf = (s: Subject): number[] => s.processes.map((p) => p.pid);
const memoryOf = (s: Subject): number => pidsOf(s).reduce((n, pid) => n + anonymousMb(pid), 0);

async function measure(o: Options, pods: Pods, dir: string): Promise<{ rows: Row[]; memory: MemoryRow[] }> {
  const binaries = new MeshBinaries(dir, o.nodeFlags, o.proxyEnv);
  log('bundling the proxy');
  await binaries.build();
  const upstream = startNginx(pods.server, dir, o.loadCore);
  const subjects = await startSubjects(o.subjects, pods, binaries, dir, o.proxyCore, o.loadCore);
  await sleep(5000);
  upstream.check();
  const memory = subjects.map((s): MemoryRow => ({ name: s.name, idle: memoryOf(s), peaks: {}, highest: 0, after: NaN }));
  const rows: Row[] = o.cases.flatMap((c) => subjects.filter((s) => s.takes(c)).map((s) => ({ subject: s.name, case: c.name, samples: [] })));

  // The first round is longer by a warm-up: compiled code and open connections are what a proxy that runs for days has.
  for (let round = 0; round < o.rounds; round++) {
    for (const c of o.cases) {
      for (const [i, s] of subjects.entries()) {
        if (!s.takes(c)) continue;
        await binaries.redirect(pods.client, s.redirectTo(c));
        if (round === 0) await load(pods.client, o.loadCore, c, s.url(c), 2);
        const peak = new PeakMemory(pidsOf(s));
        const before = pidsOf(s).map(cpuSeconds);
        const result = await load(pods.client, o.loadCore, c, s.url(c), o.seconds);
        const used = pidsOf(s).reduce((n, pid, k) => n + cpuSeconds(pid) - before[k]!, 0);
        const highest = peak.stop();
        memory[i]!.peaks[c.name] ??= highest;
        memory[i]!.highest = Math.max(memory[i]!.highest, highest);
        for (const p of s.processes) p.check();
        const cpu = (used / result.requests) * 100_000;
        rows.find((r) => r.subject === s.name && r.case === c.name)!.samples.push({ ...result, cpu });
        log(`round ${round + 1} of ${o.rounds}  ${c.name.padEnd(8)} ${s.name.padEnd(15)} ${result.perSecond.toFixed(0).padStart(7)} req/s  ${cpu.toFixed(3)} CPU s/100k`);
      }
    }
  }
  if (o.settleSeconds > 0) {
    log(`waiting ${o.settleSeconds} s for memory to settle`);
    await sleep(o.settleSeconds * 1000);
    for (const [i, s] of subjects.entries()) memory[i]!.after = memoryOf(s);
  }
  return { rows, memory };
}

/** Containers of a cluster on this machine are its processes, so their memory can be read here. */
function controlPlaneMemory(): string {
  const found = processesWith('/app/control.mjs');
  if (found.length === 0) return 'No control plane runs on this machine: start a cluster (npm run demo -- --keep) to have its memory here.';
  const lines = found.map((p) => ({ mb: anonymousMb(p.pid), services: p.command.split('/app/control.mjs')[1]!.trim() || 'all services' }));
  const total = lines.reduce((n, l) => n + l.mb, 0);
  return [`Control plane of the cluster on this machine: ${total.toFixed(1)} MB anonymous in ${lines.length} processes`, ...lines.map((l) => `  ${l.mb.toFixed(1)} MB  ${l.services}`)].join('\n');
}

async function main(): Promise<number> {
  const o = await parseOptions(hideBin(process.argv));
  checkMachine(o);
  await ensureTools(log);
  const dir = mkdtempSync(path.join(os.tmpdir(), 'mesh-bench-'));
  let pods: Pods | null = null;
  const clean = (): void => {
    killAll();
    pods?.remove();
    rmSync(dir, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      clean();
      process.exit(130);
    });
  }
  try {
    pods = await makePods();
    const { rows, memory } = await measure(o, pods, dir);
    const cpu = os.cpus()[0]?.model ?? 'unknown CPU';
    console.log(`\n${cpu}, Node ${process.version}, ${o.rounds} x ${o.seconds} s, medians. Pairs: both proxies on the one core, CPU and memory summed.\n`);
    console.log(`${speedTable(rows, 'haproxy')}\n`);
    console.log(`${memoryTable(memory, o.settleSeconds)}\n`);
    console.log(controlPlaneMemory());
    if (o.json !== '') writeFileSync(o.json, `${JSON.stringify({ cpu, node: process.version, options: o, rows, memory }, null, 2)}\n`);
    return 0;
  } finally {
    clean();
  }
}

try {
  process.exitCode = await main();
} catch (e) {
  if (!(e instanceof BenchError)) throw e;
  console.error(e.message);
  process.exitCode = 1;
}
