/**
 * What an idle connection costs the proxy: opens many to one proxy, speaks once on each, leaves them alone, and prints private memory per connection.
 * Usage: node test/netns/idle-connections.ts [connections = 10000] [plain|mtls|tcp …]
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import type { Authority } from '../../lib/pki/authority.ts';
import { pem } from '../../proxy/discover/certify.ts';
import { Credentials } from '../../proxy/mesh-tls/credentials.ts';
import { dial } from '../../proxy/mesh-tls/originate.ts';
import { TestControlPlane } from '../../proxy/testing/control-plane.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SERVER = 'server.test.serviceaccount.identity.mesh-system.cluster.local';
const CLIENT = 'client.test.serviceaccount.identity.mesh-system.cluster.local';
const SETTLE_MS = 8_000;
const AT_A_TIME = 50;

const [count = '10000', ...asked] = process.argv.slice(2);
const connections = Number(count);
const modes = asked.length > 0 ? asked : ['plain', 'mtls', 'tcp'];
const sleep = async (ms: number): Promise<void> => { await new Promise((r) => { setTimeout(r, ms); }); };

function privateKb(pid: number): number {
  return Number(/^Anonymous:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))![1]);
}

async function listen(f: (s: net.Socket) => void): Promise<number> {
  const server = net.createServer(f);
  await new Promise<void>((r) => { server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, r); });
  server.unref();
  return (server.address() as net.AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((r) => { server.listen(0, '127.0.0.1', r); });
  const { port } = server.address() as net.AddressInfo;
  await new Promise((r) => { server.close(r); });
  return port;
}

async function startProxy(control: TestControlPlane, app: number): Promise<{ child: ChildProcess; inbound: number }> {
  const [inbound, outbound, admin, tap] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const at = `127.0.0.1:${control.port}`;
  const child = spawn(process.execPath, ['--max-semi-space-size=1', path.join(ROOT, 'proxy/main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'], MALLOC_ARENA_MAX: '1', MESH_PROXY_LOG: 'info', MESH_PROXY_IDENTITY_LOCAL_NAME: SERVER, MESH_PROXY_IDENTITY_TOKEN_FILE: '/dev/null',
      MESH_PROXY_IDENTITY_TRUST_ANCHORS: control.anchors, MESH_PROXY_IDENTITY_SVC_ADDR: at, MESH_PROXY_DESTINATION_SVC_ADDR: at, MESH_PROXY_POLICY_SVC_ADDR: at,
      MESH_PROXY_POLICY_WORKLOAD: '{}', MESH_PROXY_INBOUND_ORIG_DST: `127.0.0.1:${app}`, MESH_PROXY_INBOUND_LISTEN_ADDR: `127.0.0.1:${inbound}`,
      MESH_PROXY_OUTBOUND_LISTEN_ADDR: `127.0.0.1:${outbound}`, MESH_PROXY_ADMIN_LISTEN_ADDR: `127.0.0.1:${admin}`, MESH_PROXY_TAP_LISTEN_ADDR: `127.0.0.1:${tap}`,
    },
  });
  const ended = (): never => {
    console.error('the proxy ended');
    process.exit(1);
  };
  child.once('exit', ended);
  for (let said = ''; !said.includes('certified');) said += String(await new Promise((r) => { child.stdout.once('data', r); }));
  child.stdout.resume();
  child.off('exit', ended);
  return { child, inbound };
}

async function clientCredentials(control: TestControlPlane): Promise<Credentials> {
  const { authority } = control as unknown as { authority: Authority };
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const leaf = await authority.issue({ publicKey, dnsNames: [CLIENT], lifetimeSeconds: 86_400, skewSeconds: 10, now: Date.now() });
  const credentials = new Credentials(CLIENT, control.anchors, () => Date.now());
  credentials.setLeaf({ key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), chain: [leaf.der, ...authority.intermediates].map(pem).join(''), notAfter: Date.now() + 8e7 });
  return credentials;
}

async function open(port: number, credentials: Credentials | null): Promise<net.Socket> {
  const target = credentials === null ? null : { credentials, identity: SERVER, serverName: SERVER, header: null };
  return new Promise((resolve, reject) => {
    dial({ ip: '127.0.0.1', port }, target, { clock: systemClock, timeoutMs: 20_000, tcp: { keepAliveMs: 0, userTimeoutMs: 0 } }, resolve, reject);
  });
}

async function measure(mode: string): Promise<void> {
  const http = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
  const app = await listen((s) => s.on('error', () => {}).on('data', (d) => s.write(mode === 'tcp' ? d : http)));
  const control = new TestControlPlane();
  await control.start();
  if (mode === 'tcp') control.opaquePorts.add(app);
  const { child, inbound } = await startProxy(control, app);
  const credentials = mode === 'mtls' ? await clientCredentials(control) : null;
  const sockets: net.Socket[] = [];
  const visit = async (): Promise<void> => {
    const s = await open(inbound, credentials);
    sockets.push(s);
    s.on('error', () => {});
    s.write(mode === 'tcp' ? 'x' : 'GET / HTTP/1.1\r\nhost: idle.test\r\n\r\n');
    await new Promise((r) => { s.once('data', r); });
  };
  const visitMany = async (n: number): Promise<void> => {
    let left = n;
    await Promise.all(Array.from({ length: AT_A_TIME }, async () => { while (left-- > 0) await visit(); }));
  };
  // The first connections bring what every later one shares: compiled code, pools, policies.
  await visitMany(200);
  await sleep(SETTLE_MS);
  const before = privateKb(child.pid!);
  const t = performance.now();
  await visitMany(connections);
  const rate = connections / ((performance.now() - t) / 1000);
  await sleep(SETTLE_MS);
  const after = privateKb(child.pid!);
  const alive = sockets.filter((s) => !s.destroyed).length;
  console.log(`${mode}: ${((after - before) / connections).toFixed(2)} KB per idle connection (${alive} open; ${before} -> ${after} KB; ${Math.round(rate)} new connections/s)`);
  for (const s of sockets) s.destroy();
  await sleep(SETTLE_MS);
  console.log(`${mode}: ${privateKb(child.pid!)} KB after they closed`);
  child.kill('SIGKILL');
  await control.stop();
}

for (const mode of modes) await measure(mode);
process.exit(0);
