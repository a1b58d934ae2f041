import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FakeService } from '../../proxy/testing/control-plane.ts';
import { SPECS } from '../../images/images.ts';
import { TARGETS, bundle } from '../../scripts/bundle.ts';
import { Background, BenchError, must, run, sleep } from './children.ts';
import type { StandIn } from './control-stand-in.ts';
import type { Pod, Pods } from './netns.ts';
import { UPSTREAM } from './upstream.ts';

const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const NODE = process.execPath;
const CONTROL_PORT = 8086;
const RELAY_PORT = 8087;
const INBOUND_PORT = 4143;
const SERVER_ID = 'server.bench.serviceaccount.identity.mesh-system.cluster.local';
const CLIENT_ID = 'client.bench.serviceaccount.identity.mesh-system.cluster.local';

/** Addresses of the Services: what the load connects to. */
export const SERVICE = { plain: '10.96.0.10', meshed: '10.96.0.11', h1: 80, h2: 82 } as const;

/** The proxy as it ships: bundled, on the flags of its image. */
export class MeshBinaries {
  private readonly dir: string;
  private readonly flags: string[];
  /** environment that the image sets */
  readonly env: Record<string, string>;

  /** `flags` and `env` (K=V) are tried in place of, and besides, the image's own. */
  constructor(dir: string, flags: string[] | null, env: string[]) {
    this.dir = dir;
    this.flags = flags ?? SPECS.proxy.entrypoint.slice(1, -1);
    this.env = Object.fromEntries([...SPECS.proxy.env, ...env].map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  }

  async build(): Promise<void> {
    await bundle(ROOT, this.dir, TARGETS.filter((t) => t.name === 'proxy' || t.name === 'redirect'));
    // koffi is not in the bundle: it brings a native library.
    if (!existsSync(path.join(this.dir, 'node_modules'))) symlinkSync(path.join(ROOT, 'node_modules'), path.join(this.dir, 'node_modules'));
  }

  get proxy(): string[] {
    return [NODE, ...this.flags, path.join(this.dir, 'proxy.mjs')];
  }

  /** Puts the mesh's own redirect rules in force in a pod. Traffic of root is left alone: all but the load runs as root. */
  async redirect(pod: Pod, outboundPort: number, skipInbound: number[] = []): Promise<void> {
    const args = ['--proxy-uid', '0', '--outbound-port', String(outboundPort), '--inbound-port', String(INBOUND_PORT), '--skip-inbound-ports', skipInbound.join(',')];
    await must(pod.in(NODE, path.join(this.dir, 'redirect.mjs'), ...args));
  }
}

/** The stand-in for the control plane, on the core of the load, and its relay into the client's pod. Resolves with the trust anchors, PEM. */
export async function startControl(pods: Pods, dir: string, core: number): Promise<string> {
  const anchorsFile = path.join(dir, 'anchors.pem');
  const direct = (port: number): FakeService => ({ endpoints: [{ ip: pods.server.ip, port }] });
  const meshed = (port: number): FakeService => ({ endpoints: [{ ip: pods.server.ip, port, identity: SERVER_ID }] });
  const base: StandIn = {
    mode: 'control', port: CONTROL_PORT, relay: { host: pods.server.ip, port: RELAY_PORT }, anchorsFile,
    services: {
      [`${SERVICE.plain}:${SERVICE.h1}`]: direct(UPSTREAM.direct.h1),
      [`${SERVICE.plain}:${SERVICE.h2}`]: direct(UPSTREAM.direct.h2),
      [`${SERVICE.meshed}:${SERVICE.h1}`]: meshed(UPSTREAM.meshed.h1),
      [`${SERVICE.meshed}:${SERVICE.h2}`]: meshed(UPSTREAM.meshed.h2),
    },
  };
  const program = path.join(ROOT, 'test/bench/control-stand-in.ts');
  const start = (pod: Pod, config: StandIn): Background =>
    new Background('the control plane stand-in', pod.in('taskset', '-c', String(core), NODE, program, JSON.stringify(config)));
  const control = start(pods.server, base);
  const relay = start(pods.client, { ...base, mode: 'relay' });
  for (let i = 0; i < 200 && !existsSync(anchorsFile); i++) {
    control.check();
    relay.check();
    await sleep(100);
  }
  if (!existsSync(anchorsFile)) throw new BenchError('the control plane stand-in did not start in 20 seconds');
  return readFileSync(anchorsFile, 'utf8');
}

/** Starts one proxy and waits until it has its certificate. `index` keeps the ports of several in one pod apart. */
export async function startProxy(pod: Pod, binaries: MeshBinaries, side: 'client' | 'server', index: number, anchors: string, core: number): Promise<Background> {
  const control = `127.0.0.1:${CONTROL_PORT}`;
  const port = (base: number): number => base + index * 100;
  const proxy = new Background('the proxy', pod.in('taskset', '-c', String(core), ...binaries.proxy), {
    PATH: process.env['PATH'],
    ...binaries.env,
    MESH_PROXY_IDENTITY_LOCAL_NAME: side === 'client' ? CLIENT_ID : SERVER_ID,
    MESH_PROXY_IDENTITY_TOKEN_FILE: '/dev/null',
    MESH_PROXY_IDENTITY_TRUST_ANCHORS: anchors,
    MESH_PROXY_IDENTITY_SVC_ADDR: control,
    MESH_PROXY_DESTINATION_SVC_ADDR: control,
    MESH_PROXY_POLICY_SVC_ADDR: control,
    MESH_PROXY_POLICY_WORKLOAD: '{"ns":"bench","pod":"bench"}',
    MESH_PROXY_POD_IPS: pod.ip,
    MESH_PROXY_INBOUND_LISTEN_ADDR: `0.0.0.0:${port(INBOUND_PORT)}`,
    MESH_PROXY_OUTBOUND_LISTEN_ADDR: `0.0.0.0:${outboundPort(index)}`,
    MESH_PROXY_ADMIN_LISTEN_ADDR: `127.0.0.1:${port(4191)}`,
    MESH_PROXY_TAP_LISTEN_ADDR: `127.0.0.1:${port(4190)}`,
    MESH_PROXY_LOG: 'warn',
  });
  const ask = `fetch('http://127.0.0.1:${port(4191)}/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  for (let i = 0; i < 100; i++) {
    await sleep(100);
    proxy.check();
    if ((await run(pod.in(NODE, '-e', ask))).code === 0) return proxy;
  }
  throw new BenchError(`the proxy was not ready in time:\n${proxy.output}`);
}

export function outboundPort(index: number): number {
  return 4140 + index * 100;
}

/** Ports of the server's pod that its inbound proxy leaves alone. */
export const SKIPPED = [UPSTREAM.direct.h1, UPSTREAM.direct.h2, RELAY_PORT];
