import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Background } from './children.ts';
import { HAPROXY, startHaproxy } from './haproxy.ts';
import type { LoadCase } from './load.ts';
import { MeshBinaries, outboundPort, SERVICE, SKIPPED, startControl, startProxy } from './mesh.ts';
import type { Pods } from './netns.ts';
import { UPSTREAM } from './upstream.ts';

/** One thing that is measured: the processes between the load and the upstream. */
export interface Subject {
  name: string;
  processes: Background[];
  takes(c: LoadCase): boolean;
  /** where the redirect of the client's pod leads for this case */
  redirectTo(c: LoadCase): number;
  url(c: LoadCase): string;
}

export const SUBJECTS = ['haproxy', 'codec', 'plain', 'mtls'] as const;
export type SubjectName = (typeof SUBJECTS)[number];

const CODEC_PORT = 4160;
const urlOf = (address: string) => (c: LoadCase): string => `http://${address}:${SERVICE[c.protocol]}/`;

/** Starts what is asked for, all on `core`; everything else is on `loadCore`. */
export async function startSubjects(names: SubjectName[], pods: Pods, binaries: MeshBinaries, dir: string, core: number, loadCore: number): Promise<Subject[]> {
  const subjects: Subject[] = [];
  if (names.includes('haproxy')) {
    subjects.push({
      name: 'haproxy', processes: [startHaproxy(pods.client, pods.server, dir, core)],
      takes: () => true, redirectTo: (c) => HAPROXY[c.protocol], url: urlOf(SERVICE.plain),
    });
  }
  if (names.includes('codec')) {
    const program = path.join(path.dirname(fileURLToPath(import.meta.url)), 'codec-forwarder.ts');
    const argv = ['taskset', '-c', String(core), process.execPath, '--max-semi-space-size=1', program, String(CODEC_PORT), pods.server.ip, String(UPSTREAM.direct.h1)];
    subjects.push({
      name: 'codec alone', processes: [new Background('the codec forwarder', pods.client.in(...argv))],
      takes: (c) => c.protocol === 'h1', redirectTo: () => CODEC_PORT, url: urlOf(SERVICE.plain),
    });
  }
  if (!names.includes('plain') && !names.includes('mtls')) return subjects;
  const anchors = await startControl(pods, dir, loadCore);
  await binaries.redirect(pods.server, outboundPort(9), SKIPPED);
  if (names.includes('plain')) {
    const proxy = await startProxy(pods.client, binaries, 'client', 0, anchors, core);
    subjects.push({ name: 'mesh plain', processes: [proxy], takes: () => true, redirectTo: () => outboundPort(0), url: urlOf(SERVICE.plain) });
  }
  if (names.includes('mtls')) {
    const outbound = await startProxy(pods.client, binaries, 'client', 1, anchors, core);
    const inbound = await startProxy(pods.server, binaries, 'server', 0, anchors, core);
    subjects.push({ name: 'mesh mTLS pair', processes: [outbound, inbound], takes: () => true, redirectTo: () => outboundPort(1), url: urlOf(SERVICE.meshed) });
  }
  return subjects;
}
