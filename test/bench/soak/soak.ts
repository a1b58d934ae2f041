/** `npm run soak`: mixed traffic through a pair of proxies for a long time, with changing endpoints and certificates that are renewed all the time. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { hideBin } from 'yargs/helpers';
import { BundleError } from '../../../scripts/bundle.ts';
import { Background, BenchError, sleep } from '../children.ts';
import { checkMachine, withPods } from '../lab.ts';
import { asApplication } from '../load.ts';
import { meshedEndpoint, MeshBinaries, ProxyProcess, SERVICE, SERVICE_PORTS, startControl, type Control } from '../mesh.ts';
import type { Pods } from '../netns.ts';
import { OptionError } from '../options.ts';
import { anonymousMb } from '../process-stats.ts';
import { runtime } from '../runtimes.ts';
import { ensureTools } from '../tools.ts';
import { parseSoakOptions, type SoakOptions } from './options.ts';
import type { Progress } from './traffic.ts';
import { faults, metric, soakTable, trafficTable, verdict, type Look, type Moment, type Soak } from './verdict.ts';

const log = (line: string): void => console.error(line);

const LOOK_SECONDS = 10;
/** Longer than the proxy keeps an idle connection to an endpoint. */
const AFTER_SECONDS = 60;
/** Share of their life after which the proxy renews its certificates. */
const RENEWED_AT = 0.7;
const KINDS = ['h1', 'h2', 'tcp'] as const;
/** Ports of each endpoint, one for each kind. */
const ENDPOINTS = [9100, 9110, 9120, 9130].map((first) => ({ h1: first, h2: first + 1, tcp: first + 2 }));
const AT_ONCE = 2;

async function look(p: ProxyProcess): Promise<Look> {
  p.process.check();
  const metrics = (await p.admin('/metrics')) ?? '';
  return {
    anonymousMb: anonymousMb(p.process.pid), fds: readdirSync(`/proc/${p.process.pid}/fd`).length, resources: (await p.probe('resources')) as Record<string, number>,
    openConnections: metric(metrics, 'tcp_open_connections'), certificates: metric(metrics, 'identity_cert_refreshes_total'),
    rejected: metric(metrics, 'proxy_rejected_total'), defects: metric(metrics, 'proxy_defects_total'),
  };
}

/** Other endpoints for every Service; one of those in use stays, so that a connection always finds a way. The others go on serving who is connected. */
function churn(control: Control, pods: Pods, turn: number): void {
  const chosen = Array.from({ length: AT_ONCE }, (_, i) => ENDPOINTS[(turn + i) % ENDPOINTS.length]!);
  for (const kind of KINDS) control.change(`${SERVICE.meshed}:${SERVICE_PORTS[kind]}`, chosen.map((e) => meshedEndpoint(pods, e[kind])));
}

async function soak(o: SoakOptions, pods: Pods, dir: string, binaries: MeshBinaries): Promise<Soak> {
  const program = (name: string): string => path.join(import.meta.dirname, `${name}.ts`);
  const services = Object.fromEntries(KINDS.map((kind) => [`${SERVICE.meshed}:${SERVICE_PORTS[kind]}`, { endpoints: ENDPOINTS.slice(0, AT_ONCE).map((e) => meshedEndpoint(pods, e[kind])) }]));
  const control = await startControl(pods, dir, o.loadCore, o.policy, services, {
    leafSeconds: Math.round(o.renew / RENEWED_AT), meshedPorts: ENDPOINTS.flatMap((e) => KINDS.map((kind) => e[kind])),
  });
  const server = new Background('the application', pods.server.in('taskset', '-c', String(o.loadCore), process.execPath, program('server'), ...ENDPOINTS.map((e) => KINDS.map((k) => e[k]).join(','))));
  const place = { core: o.proxyCore, runtime: await runtime(o.runtime, o.nodeFlags, log), anchors: control.anchors, watch: { gc: false, probe: true }, index: 0 };
  const proxies = { client: await ProxyProcess.start({ ...place, pod: pods.client, side: 'client' }, binaries), server: await ProxyProcess.start({ ...place, pod: pods.server, side: 'server' }, binaries) };
  const looks = async (): Promise<Record<string, Look>> => ({ client: await look(proxies.client), server: await look(proxies.server) });
  for (const [side, p] of Object.entries(proxies)) await binaries.redirect(pods[side as 'client' | 'server'], p.outboundPort, p.inboundPort);
  await sleep(5000);
  server.check();

  const s: Soak = { before: await looks(), moments: [], after: {}, progress: { done: {}, failed: {}, messages: [] }, churns: 0 };
  const traffic = new Background('the traffic', pods.client.in(...asApplication(o.loadCore), process.execPath, program('traffic'), SERVICE.meshed, ...KINDS.map((k) => String(SERVICE_PORTS[k]))));
  traffic.onLine = (line) => {
    if (!line.startsWith('{')) return false;
    s.progress = JSON.parse(line) as Progress;
    return true;
  };
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1000;
  const churning = setInterval(() => churn(control, pods, ++s.churns), o.churn * 1000);
  while (elapsed() < o.length) {
    await sleep(Math.min(LOOK_SECONDS, Math.max(0.1, o.length - elapsed())) * 1000);
    for (const p of [traffic, server]) p.check();
    s.moments.push({ at: elapsed(), done: total(s.progress.done), failed: total(s.progress.failed), looks: await looks() });
    log(line(s.moments.at(-1)!));
  }
  clearInterval(churning);
  log('ending the traffic');
  await traffic.end(40_000);
  log(`waiting ${AFTER_SECONDS} s for what is left`);
  await sleep(AFTER_SECONDS * 1000);
  s.after = await looks();
  return s;
}

const total = (counts: Record<string, number>): number => Object.values(counts).reduce((n, c) => n + c, 0);

function line(m: Moment): string {
  const side = (name: string): string => `${name} ${m.looks[name]!.anonymousMb.toFixed(1)} MB ${m.looks[name]!.fds} fds`;
  return `${m.at.toFixed(0).padStart(5)} s  ${m.done} done  ${m.failed} failed  ${side('client')}  ${side('server')}`;
}

try {
  const o = await parseSoakOptions(hideBin(process.argv));
  checkMachine(o);
  await ensureTools(log);
  const s = await withPods(o, log, async (pods, dir, binaries) => soak(o, pods, dir, binaries));
  console.log(`\n${o.runtime}, policy ${o.policy}\n\n${soakTable(s)}\n\n${trafficTable(s.progress)}\n\nLeft: ${JSON.stringify(Object.fromEntries(Object.entries(s.after).map(([n, l]) => [n, l.resources])))}\n${verdict(s)}`);
  process.exitCode = faults(s).length === 0 ? 0 : 1;
} catch (e) {
  if (!(e instanceof BenchError || e instanceof OptionError || e instanceof BundleError)) throw e;
  console.error(e.message);
  process.exitCode = 1;
}
