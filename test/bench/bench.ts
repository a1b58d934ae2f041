/** `npm run bench`: CPU, speed, latency and memory of the proxy beside others on the same path in the same run. Prints tables, asserts nothing. */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { hideBin } from 'yargs/helpers';
import { BundleError } from '../../scripts/bundle.ts';
import { CASES } from './cases.ts';
import { BenchError, sleep } from './children.ts';
import { measureLatency, type LatencyRow } from './fortio.ts';
import { measureGreeting, type GreetingRow } from './greeting.ts';
import { checkMachine, setStage, withPods } from './lab.ts';
import { LoadTools } from './load.ts';
import { measureMemory, type MemoryRow } from './memory.ts';
import type { Pods } from './netns.ts';
import type { MeshBinaries } from './mesh.ts';
import { measureOpenssl, OPENSSL } from './openssl.ts';
import { OptionError, parseOptions, type Options } from './options.ts';
import { anonymousMb, processesWith } from './process-stats.ts';
import { profileCases } from './profile.ts';
import { bulkTable, greetingTable, latencyTable, memoryTable, speedTable } from './report.ts';
import { runtime, type Runtime } from './runtimes.ts';
import { measureSpeed, type Row } from './speed.ts';
import { startSubjects, stopSubjects, type Subject } from './subjects.ts';
import { ensureTools } from './tools.ts';

const log = (line: string): void => console.error(line);

interface Measured { rows: Row[]; latency: LatencyRow[]; greetings: GreetingRow[]; memory: MemoryRow[]; profiles: string }

async function measure(o: Options, pods: Pods, dir: string, binaries: MeshBinaries): Promise<Measured> {
  const runtimes: Runtime[] = [];
  for (const name of o.runtimes) runtimes.push(await runtime(name, o.nodeFlags, log));
  const stage = await setStage(o, o.policy, pods, dir, binaries);
  const tools = new LoadTools(pods.client, o.loadCore, dir);
  const subjects = await startSubjects(o.subjects, runtimes, { ...stage, watch: { gc: o.profile.length === 0, probe: o.profile.length > 0 } });
  await sleep(1000);
  for (const p of subjects.flatMap((s) => s.processes)) p.process.check();
  if (o.profile.length > 0) return { rows: [], latency: [], greetings: [], memory: [], profiles: await profileCases(o.profile, subjects, tools, o, binaries.proxy, log) };
  const firstBulk = o.cases.find((c) => c.bulk);
  const baseline = async (c: typeof CASES[number]): Promise<Row[]> => (c === firstBulk ? [await measureOpenssl(pods, dir, o.proxyCore, o.seconds, c)] : []);
  const rows = await measureSpeed(o.cases, subjects, tools, o, log, baseline);
  const latency = o.rates.length === 0 ? [] : await measureLatency(o.rates, subjects, pods, o.loadCore, { rounds: o.rounds, seconds: o.seconds }, log);
  const greetings = o.rates.length === 0 ? [] : await measureGreeting(subjects, pods, o.loadCore, o.rounds, log);
  if (!o.memory) return { rows, latency, greetings, memory: [], profiles: '' };
  let running = subjects;
  const fresh = async (): Promise<Subject[]> => {
    await stopSubjects(running);
    running = await startSubjects(o.subjects, runtimes, { ...stage, watch: { gc: false, probe: false } });
    return running;
  };
  return { rows, latency, greetings, memory: await measureMemory(fresh, tools, pods, o.loadCore, o, log), profiles: '' };
}

/** Containers of a cluster on this machine are its processes, so their memory can be read here. */
function controlPlaneMemory(): string {
  const found = processesWith('/app/control.mjs');
  if (found.length === 0) return 'No control plane runs on this machine: start a cluster (npm run demo -- --keep) to have its memory here.';
  const lines = found.map((p) => ({ mb: anonymousMb(p.pid), services: p.command.split('/app/control.mjs')[1]!.trim() || 'all services' }));
  const total = lines.reduce((n, l) => n + l.mb, 0);
  return [`Control plane of the cluster on this machine: ${total.toFixed(1)} MB anonymous in ${lines.length} processes`, ...lines.map((l) => `  ${l.mb.toFixed(1)} MB  ${l.services}`)].join('\n');
}

function report(o: Options, cpu: string, m: Measured): string {
  const parts = [`${cpu}, ${o.runtimes.join(', ')} (Node ${process.version}), ${o.rounds} x ${o.seconds} s, medians, policy ${o.policy}. Pairs: both proxies on the one core, CPU summed.`];
  if (m.profiles !== '') parts.push(m.profiles);
  if (m.rows.some((r) => !r.case.bulk)) parts.push(speedTable(m.rows, 'haproxy'));
  if (m.rows.some((r) => r.case.bulk)) parts.push(bulkTable(m.rows, OPENSSL));
  if (m.latency.length > 0) parts.push(latencyTable(m.latency), greetingTable(m.greetings));
  if (m.memory.length > 0) parts.push(memoryTable(m.memory, o.settleSeconds), controlPlaneMemory());
  return parts.join('\n\n');
}

async function main(): Promise<void> {
  const o = await parseOptions(hideBin(process.argv));
  checkMachine(o);
  await ensureTools(log);
  const started = performance.now();
  const measured = await withPods({ ...o, profiles: o.profile.length > 0 }, log, async (pods, dir, binaries) => measure(o, pods, dir, binaries));
  const cpu = os.cpus()[0]?.model ?? 'unknown CPU';
  console.log(`\n${report(o, cpu, measured)}\n\nIt took ${((performance.now() - started) / 60_000).toFixed(1)} minutes.`);
  if (o.json !== '') writeFileSync(o.json, `${JSON.stringify({ cpu, node: process.version, options: o, ...measured }, null, 2)}\n`);
}

try {
  await main();
} catch (e) {
  if (!(e instanceof BenchError || e instanceof OptionError || e instanceof BundleError)) throw e;
  console.error(e.message);
  process.exitCode = 1;
}
