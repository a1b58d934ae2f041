import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FakeEndpoint, FakeService } from '../../proxy/testing/control-plane.ts';
import { SPECS } from '../../images/images.ts';
import { TARGETS, bundle } from '../../scripts/bundle.ts';
import type { Kind } from './cases.ts';
import { Background, BenchError, must, run, sleep } from './children.ts';
import type { Change, StandIn } from './control-stand-in.ts';
import type { Pod, Pods } from './netns.ts';
import { gcPause } from './parse.ts';
import type { Runtime } from './runtimes.ts';
import { UPSTREAM } from './upstream.ts';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.dirname(path.dirname(HERE));
const NODE = process.execPath;
const CONTROL_PORT = 8086;
const RELAY_PORT = 8087;
const SERVER_ID = 'server.bench.serviceaccount.identity.mesh-system.cluster.local';
const CLIENT_ID = 'client.bench.serviceaccount.identity.mesh-system.cluster.local';
const DAY = 86_400;

/** Addresses of the Services, and their ports: what the load connects to. */
export const SERVICE = { plain: '10.96.0.10', meshed: '10.96.0.11' } as const;
export const SERVICE_PORTS: Record<Kind, number> = { h1: 80, h2: 82, grpc: 84, tcp: 90, greet: 92 };

/** Ports of the server's pod that its inbound proxy leaves alone. */
const SKIPPED = [...Object.values(UPSTREAM.direct), RELAY_PORT];

/** The proxy as it ships: bundled, with the environment of its image. */
export class MeshBinaries {
  private readonly dir: string;
  readonly env: Record<string, string>;

  /** `env`: K=V, besides the image's own */
  constructor(dir: string, env: string[]) {
    this.dir = dir;
    this.env = Object.fromEntries([...SPECS.proxy.env, ...env].map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  }

  /** `readable`: with white space and the names of the modules, for profiles; the code is the same. */
  async build(readable: boolean): Promise<void> {
    await bundle(ROOT, this.dir, TARGETS.filter((t) => t.name === 'proxy' || t.name === 'redirect').map((t) => (readable ? { ...t, compact: false } : t)));
    // koffi is not in the bundle: it brings a native library.
    if (!existsSync(path.join(this.dir, 'node_modules'))) symlinkSync(path.join(ROOT, 'node_modules'), path.join(this.dir, 'node_modules'));
  }

  get proxy(): string {
    return path.join(this.dir, 'proxy.mjs');
  }

  probeSocket(name: string): string {
    return path.join(this.dir, `${name}.sock`);
  }

  /** Puts the mesh's own redirect rules in force in a pod. Traffic of root is left alone: all but the load runs as root. */
  async redirect(pod: Pod, outbound: number, inbound: number): Promise<void> {
    const args = ['--proxy-uid', '0', '--outbound-port', String(outbound), '--inbound-port', String(inbound), '--skip-inbound-ports', SKIPPED.join(',')];
    await must(pod.in(NODE, path.join(this.dir, 'redirect.mjs'), ...args));
  }
}

export interface Control {
  /** trust anchors, PEM */
  anchors: string;
  change(service: string, endpoints: FakeEndpoint[]): void;
  stop(): Promise<void>;
}

export function meshedEndpoint(pods: Pods, port: number): FakeEndpoint {
  return { ip: pods.server.ip, port, identity: SERVER_ID };
}

/** The stand-in for the control plane, on the core of the load, and its relay into the client's pod. */
export async function startControl(pods: Pods, dir: string, core: number, policy: StandIn['policy'], services: Record<string, FakeService>, more: Partial<StandIn> = {}): Promise<Control> {
  const anchorsFile = path.join(dir, 'anchors.pem');
  const base: StandIn = {
    mode: 'control', port: CONTROL_PORT, relay: { host: pods.server.ip, port: RELAY_PORT }, anchorsFile, services,
    policy, client: CLIENT_ID, meshedPorts: Object.values(UPSTREAM.meshed), leafSeconds: DAY, ...more,
  };
  const start = (pod: Pod, config: StandIn): Background =>
    new Background('the control plane stand-in', pod.in('taskset', '-c', String(core), NODE, path.join(HERE, 'control-stand-in.ts'), JSON.stringify(config)));
  const control = start(pods.server, base);
  const relay = start(pods.client, { ...base, mode: 'relay' });
  for (let i = 0; i < 200 && !existsSync(anchorsFile); i++) {
    control.check();
    relay.check();
    await sleep(100);
  }
  if (!existsSync(anchorsFile)) throw new BenchError('the control plane stand-in did not start in 20 seconds');
  return {
    anchors: readFileSync(anchorsFile, 'utf8'),
    change: (service, endpoints) => control.say(JSON.stringify({ service, endpoints } satisfies Change)),
    stop: async () => { await Promise.all([control.stop(), relay.stop()]); },
  };
}

/** Every Service of the bench, each port with one endpoint. */
export function benchServices(pods: Pods): Record<string, FakeService> {
  const services: Record<string, FakeService> = {};
  for (const [kind, port] of Object.entries(SERVICE_PORTS) as [Kind, number][]) {
    services[`${SERVICE.plain}:${port}`] = { endpoints: [{ ip: pods.server.ip, port: UPSTREAM.direct[kind] }] };
    services[`${SERVICE.meshed}:${port}`] = { endpoints: [meshedEndpoint(pods, UPSTREAM.meshed[kind])] };
  }
  return services;
}

const port = (base: number, index: number): number => base + index * 100;

export interface ProxyPlace {
  pod: Pod;
  side: 'client' | 'server';
  /** keeps the ports of several in one pod apart */
  index: number;
  core: number;
  runtime: Runtime;
  anchors: string;
  watch: Watch;
}

/** What is looked at inside of a proxy; each costs it a little. */
export interface Watch {
  /** each garbage collection is told */
  gc: boolean;
  /** probe.mjs is loaded */
  probe: boolean;
}

/** A proxy that runs and has its certificate. */
export class ProxyProcess {
  readonly process: Background;
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** ms that garbage collections stopped it, since the last takePauses() */
  private pauses: number[] = [];
  private readonly place: ProxyPlace;
  private readonly socket: string;

  private constructor(place: ProxyPlace, binaries: MeshBinaries) {
    this.place = place;
    this.outboundPort = port(4140, place.index);
    this.inboundPort = port(4143, place.index);
    this.socket = binaries.probeSocket(`${place.side}-${place.index}`);
    const { runtime, watch } = place;
    const control = `127.0.0.1:${CONTROL_PORT}`;
    const argv = [...runtime.argv, ...(watch.gc ? runtime.traceGc : []), ...(watch.probe ? runtime.preload(path.join(HERE, 'probe.mjs')) : []), binaries.proxy];
    this.process = new Background(`the ${place.side}'s proxy (${runtime.name})`, place.pod.in('taskset', '-c', String(place.core), ...argv), {
      PATH: process.env['PATH'],
      ...binaries.env,
      BENCH_PROBE: this.socket,
      MESH_PROXY_IDENTITY_LOCAL_NAME: place.side === 'client' ? CLIENT_ID : SERVER_ID,
      MESH_PROXY_IDENTITY_TOKEN_FILE: '/dev/null',
      MESH_PROXY_IDENTITY_TRUST_ANCHORS: place.anchors,
      MESH_PROXY_IDENTITY_SVC_ADDR: control,
      MESH_PROXY_DESTINATION_SVC_ADDR: control,
      MESH_PROXY_POLICY_SVC_ADDR: control,
      MESH_PROXY_POLICY_WORKLOAD: '{"ns":"bench","pod":"bench"}',
      MESH_PROXY_POD_IPS: place.pod.ip,
      // As the injector has it: the application's ports, whose policy is asked for at the start.
      MESH_PROXY_INBOUND_PORTS: place.side === 'server' ? Object.values(UPSTREAM.meshed).join(',') : '',
      MESH_PROXY_INBOUND_LISTEN_ADDR: `0.0.0.0:${this.inboundPort}`,
      MESH_PROXY_OUTBOUND_LISTEN_ADDR: `0.0.0.0:${this.outboundPort}`,
      MESH_PROXY_ADMIN_LISTEN_ADDR: `127.0.0.1:${port(4191, place.index)}`,
      MESH_PROXY_TAP_LISTEN_ADDR: `127.0.0.1:${port(4190, place.index)}`,
      MESH_PROXY_LOG: 'warn',
    });
    this.process.onLine = (line) => {
      const pause = gcPause(line);
      if (pause !== null) this.pauses.push(pause);
      return pause !== null;
    };
  }

  /** Starts it and waits until it is ready. */
  static async start(place: ProxyPlace, binaries: MeshBinaries): Promise<ProxyProcess> {
    const proxy = new ProxyProcess(place, binaries);
    for (let i = 0; i < 100; i++) {
      await sleep(100);
      proxy.process.check();
      if ((await proxy.admin('/ready')) !== null) return proxy;
    }
    throw new BenchError(`${proxy.process.name} was not ready in time:\n${proxy.process.output}`);
  }

  /** Body of a page of the admin endpoint; null when it is not 200. */
  async admin(page: string): Promise<string | null> {
    const url = `http://127.0.0.1:${port(4191, this.place.index)}${page}`;
    const ask = `fetch('${url}').then(async (r) => { process.stdout.write(await r.text()); process.exitCode = r.ok ? 0 : 1 }, () => { process.exitCode = 1 })`;
    const r = await run(this.place.pod.in(NODE, '-e', ask));
    return r.code === 0 ? r.stdout : null;
  }

  /** Asks the probe in the proxy (probe.mjs). */
  async probe(command: string): Promise<unknown> {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = net.connect(this.socket, () => socket.write(`${command}\n`));
      let said = '';
      socket.on('data', (b) => { said += b.toString(); });
      socket.on('error', reject);
      socket.on('close', () => resolve(said));
    });
    const { value, error } = JSON.parse(text) as { value?: unknown; error?: string };
    if (error !== undefined) throw new BenchError(`${this.process.name}: ${command}: ${error}`);
    return value;
  }

  takePauses(): number[] {
    const taken = this.pauses;
    this.pauses = [];
    return taken;
  }
}
