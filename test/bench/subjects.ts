import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Kind, LoadCase } from './cases.ts';
import { Background } from './children.ts';
import { HAPROXY, startHaproxy } from './haproxy.ts';
import { MeshBinaries, ProxyProcess, SERVICE, SERVICE_PORTS, type Watch } from './mesh.ts';
import type { Pods } from './netns.ts';
import { NGINX_PORT, startNginxProxy } from './nginx-proxy.ts';
import type { Runtime } from './runtimes.ts';
import { UPSTREAM } from './upstream.ts';

/** One thing that is measured: the processes between the load and the upstream. */
export interface Subject {
  name: string;
  processes: { name: string; process: Background }[];
  proxies: ProxyProcess[];
  takes(c: LoadCase): boolean;
  /** it takes bytes of any protocol */
  takesStreams: boolean;
  /** makes the redirects of both pods lead to it */
  activate(kind: Kind): Promise<void>;
  /** where the load connects to */
  host: string;
}

export const SUBJECTS = ['haproxy', 'nginx', 'codec', 'plain', 'mtls'] as const;
export type SubjectName = (typeof SUBJECTS)[number];

const CODEC_PORT = 4160;
const NO_INBOUND = 4143;

export interface Stage {
  pods: Pods;
  binaries: MeshBinaries;
  dir: string;
  /** of the subjects, all of them */
  core: number;
  anchors: string;
  watch: Watch;
}

/** Starts what is asked for, meshes once for each runtime. */
export async function startSubjects(names: SubjectName[], runtimes: Runtime[], stage: Stage): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const name of names) {
    if (name === 'plain' || name === 'mtls') {
      for (const r of runtimes) subjects.push(await mesh(name, r, runtimes.length > 1, subjects.length, stage));
    } else subjects.push(other(name, stage));
  }
  return subjects;
}

export async function stopSubjects(subjects: Subject[]): Promise<void> {
  await Promise.all(subjects.flatMap((s) => s.processes.map((p) => p.process.stop())));
}

export function portOf(c: LoadCase): number {
  return SERVICE_PORTS[c.kind];
}

function other(name: 'haproxy' | 'nginx' | 'codec', { pods, binaries, dir, core }: Stage): Subject {
  const { process, port, takes, takesStreams } = {
    haproxy: () => ({ process: startHaproxy(pods.client, pods.server, dir, core), port: (kind: Kind) => HAPROXY[kind], takes: () => true, takesStreams: true }),
    nginx: () => ({ process: startNginxProxy(pods.client, pods.server, dir, core), port: () => NGINX_PORT, takes: isH1, takesStreams: false }),
    codec: () => ({ process: startCodec(pods, core), port: () => CODEC_PORT, takes: isH1, takesStreams: false }),
  }[name]();
  return {
    name: name === 'codec' ? 'codec alone' : name, processes: [{ name, process }], proxies: [], takes, takesStreams, host: SERVICE.plain,
    activate: async (kind) => binaries.redirect(pods.client, port(kind), NO_INBOUND),
  };
}

function isH1(c: LoadCase): boolean {
  return c.kind === 'h1';
}

function startCodec(pods: Pods, core: number): Background {
  const program = path.join(path.dirname(fileURLToPath(import.meta.url)), 'codec-forwarder.ts');
  const argv = ['taskset', '-c', String(core), process.execPath, '--max-semi-space-size=1', program, String(CODEC_PORT), pods.server.ip, String(UPSTREAM.direct.h1)];
  return new Background('the codec forwarder', pods.client.in(...argv));
}

async function mesh(kind: 'plain' | 'mtls', runtime: Runtime, tellRuntime: boolean, index: number, { pods, binaries, core, anchors, watch }: Stage): Promise<Subject> {
  const start = async (side: 'client' | 'server'): Promise<ProxyProcess> => ProxyProcess.start({ pod: pods[side], side, index, core, runtime, anchors, watch }, binaries);
  const name = `${kind === 'plain' ? 'mesh plain' : 'mesh mTLS pair'}${tellRuntime ? ` ${runtime.name}` : ''}`;
  const outbound = await start('client');
  const inbound = kind === 'mtls' ? await start('server') : null;
  const proxies = inbound === null ? [outbound] : [outbound, inbound];
  return {
    name, proxies, takes: () => true, takesStreams: true, host: kind === 'plain' ? SERVICE.plain : SERVICE.meshed,
    processes: proxies.map((p, i) => ({ name: proxies.length === 1 ? name : `${name}, ${i === 0 ? 'client' : 'server'}`, process: p.process })),
    activate: async () => {
      await binaries.redirect(pods.client, outbound.outboundPort, NO_INBOUND);
      if (inbound !== null) await binaries.redirect(pods.server, outbound.outboundPort, inbound.inboundPort);
    },
  };
}
