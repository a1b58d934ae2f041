/** The proxy as a process of its own, in front of one port of an application on loopback. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import type { TestControlPlane } from './control-plane.ts';

const MAIN = path.join(import.meta.dirname, '..', 'main.ts');

export interface LogLine { msg: string; level?: string; sinceStartMs?: number }

export interface ProxyProcess {
  child: ChildProcess;
  inbound: number;
  admin: number;
  /** what it has logged */
  lines: LogLine[];
  /** resolves when a line with this text is in the log */
  said: (msg: string) => Promise<void>;
}

async function freePort(): Promise<number> {
  const s = net.createServer().listen(0, '127.0.0.1');
  await once(s, 'listening');
  const { port } = s.address() as net.AddressInfo;
  s.close();
  await once(s, 'close');
  return port;
}

/** Resolves when it is ready. Whoever starts it kills it. */
export async function startProcess(control: TestControlPlane, appPort: number, more: Record<string, string> = {}): Promise<ProxyProcess> {
  const [inbound, admin] = [await freePort(), await freePort()];
  const at = `127.0.0.1:${control.port}`;
  const child = spawn(process.execPath, ['--max-semi-space-size=1', MAIN], { stdio: ['ignore', 'pipe', 'inherit'], env: {
    MALLOC_ARENA_MAX: '1', MESH_PROXY_IDENTITY_LOCAL_NAME: 'a.b.c', MESH_PROXY_IDENTITY_TOKEN_FILE: '/dev/null', MESH_PROXY_IDENTITY_TRUST_ANCHORS: control.anchors,
    MESH_PROXY_IDENTITY_SVC_ADDR: at, MESH_PROXY_DESTINATION_SVC_ADDR: at, MESH_PROXY_POLICY_SVC_ADDR: at, MESH_PROXY_POLICY_WORKLOAD: '{}',
    MESH_PROXY_INBOUND_LISTEN_ADDR: `127.0.0.1:${inbound}`, MESH_PROXY_OUTBOUND_LISTEN_ADDR: `127.0.0.1:${await freePort()}`, MESH_PROXY_TAP_LISTEN_ADDR: `127.0.0.1:${await freePort()}`,
    MESH_PROXY_ADMIN_LISTEN_ADDR: `127.0.0.1:${admin}`, MESH_PROXY_INBOUND_ORIG_DST: `127.0.0.1:${appPort}`, MESH_PROXY_OUTBOUND_ORIG_DST: '127.0.0.1:1', ...more,
  } });
  const lines: LogLine[] = [];
  child.stdout.on('data', (text: Buffer) => { for (const line of text.toString().trim().split('\n')) lines.push(JSON.parse(line) as LogLine); });
  const said = async (msg: string): Promise<void> => {
    while (!lines.some((l) => l.msg === msg)) await once(child.stdout, 'data');
  };
  await said('ready');
  return { child, inbound, admin, lines, said };
}
