/** Latency in an open loop: requests leave on schedule, however late the answers are. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { readEnv } from '../cluster/env.ts';
import { caseNamed } from './cases.ts';
import { BenchError, must, run } from './children.ts';
import { asApplication } from './load.ts';
import type { Pods } from './netns.ts';
import { parseFortio, type OpenLoop } from './parse.ts';
import { portOf, type Subject } from './subjects.ts';
import { UPSTREAM } from './upstream.ts';

const VERSION = '1.68.0';
/** fortio's word for a closed loop. */
const AS_FAST_AS_ANSWERED = 0;
/** In an open loop of 1000 requests/s V8 would still be compiling what is hot after a minute. */
const WARM_UP_SECONDS = 8;
export const CONNECTIONS = 16;
export const DIRECT = 'no proxy';

export interface LatencyRow {
  subject: string;
  rate: number;
  samples: (OpenLoop & { pause: number })[];
}

/** Path of fortio, built with Go once a version and kept outside the checkout. */
async function fortio(log: (line: string) => void): Promise<string> {
  const dir = path.join(readEnv().cacheDir, `fortio-${VERSION}`);
  if (existsSync(path.join(dir, 'fortio'))) return path.join(dir, 'fortio');
  log(`building fortio ${VERSION} with Go`);
  const part = `${dir}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  const r = await run(['env', `GOBIN=${part}`, 'go', 'install', `fortio.org/fortio@v${VERSION}`]);
  if (r.code !== 0) {
    rmSync(part, { recursive: true, force: true });
    throw new BenchError(`fortio ${VERSION} could not be built; it needs Go 1.22 or newer on PATH and the Go module proxy (or leave latency out: --latency none):\n${r.stderr.trim()}`);
  }
  rmSync(dir, { recursive: true, force: true });
  renameSync(part, dir);
  return path.join(dir, 'fortio');
}

/** HTTP/1.1 at each rate: without a proxy, then through each subject; alternated, so many rounds. */
export async function measureLatency(
  rates: number[], subjects: Subject[], pods: Pods, loadCore: number, o: { rounds: number; seconds: number }, log: (line: string) => void,
): Promise<LatencyRow[]> {
  const program = await fortio(log);
  const c = caseNamed('h1-32');
  const attack = async (prefix: string[], host: string, port: number, rate: number, seconds: number): Promise<OpenLoop> => {
    const shape = ['-nocatchup', '-uniform', '-c', String(CONNECTIONS), '-qps', String(rate), '-t', `${seconds}s`, '-r', '0.00001', '-p', '50,99,99.9'];
    return parseFortio(await must(pods.client.in(...prefix, program, 'load', '-quiet', '-loglevel', 'error', '-allow-initial-errors', ...shape, '-json', '-', `http://${host}:${port}/`)));
  };
  // Root's connections are not redirected.
  const direct = async (rate: number, seconds: number): Promise<OpenLoop> => attack(['taskset', '-c', String(loadCore)], pods.server.ip, UPSTREAM.direct.h1, rate, seconds);
  for (const s of subjects) {
    log(`warming up     ${s.name}`);
    await s.activate(c.kind);
    await alone(s, subjects, async () => { await attack(asApplication(loadCore), s.host, portOf(c), AS_FAST_AS_ANSWERED, WARM_UP_SECONDS); });
  }
  const rows: LatencyRow[] = rates.flatMap((rate) => [DIRECT, ...subjects.map((s) => s.name)].map((subject) => ({ subject, rate, samples: [] })));
  for (let round = 0; round < o.rounds; round++) {
    for (const rate of rates) {
      const keep = (subject: string, result: OpenLoop, pause: number): void => {
        rows.find((r) => r.subject === subject && r.rate === rate)!.samples.push({ ...result, pause });
        log(`round ${round + 1} of ${o.rounds}  ${rate}/s  ${subject.padEnd(15)} p50 ${result.p50.toFixed(3)}  p99 ${result.p99.toFixed(3)}  p99.9 ${result.p999.toFixed(3)} ms`);
      };
      keep(DIRECT, await direct(rate, o.seconds), NaN);
      for (const s of subjects) {
        await s.activate(c.kind);
        await alone(s, subjects, async () => {
          await attack(asApplication(loadCore), s.host, portOf(c), rate, 2);
          for (const p of s.proxies) p.takePauses();
          const result = await attack(asApplication(loadCore), s.host, portOf(c), rate, o.seconds);
          const pauses = s.proxies.flatMap((p) => p.takePauses());
          keep(s.name, result, pauses.length === 0 ? NaN : Math.max(...pauses));
        });
      }
    }
  }
  return rows;
}

/** The others stand still meanwhile: they share the core, and a proxy that has just fallen quiet collects its garbage for some milliseconds. */
async function alone(s: Subject, all: Subject[], measure: () => Promise<void>): Promise<void> {
  const others = all.filter((o) => o !== s).flatMap((o) => o.processes.map((p) => p.process.pid));
  for (const pid of others) process.kill(pid, 'SIGSTOP');
  try {
    await measure();
  } finally {
    for (const pid of others) process.kill(pid, 'SIGCONT');
  }
}
