import type { Socket } from 'node:net';
import { VERSION } from '../api/version.ts';
import { isDefaultPolicy, requiringIdentity } from '../lib/authz/default-policy.ts';
import type { Clock } from '../lib/clock.ts';
import { canonicalIp } from './accept/addr.ts';
import type { GetOrigDst } from './accept/orig-dst.ts';
import { adminService } from './admin/server.ts';
import type { BalancerConfig } from './balance/balancer.ts';
import { BalancerMetrics } from './balance/metrics.ts';
import { dialAddr, type PoolConfig } from './balance/pool.ts';
import { Core } from './core.ts';
import { alone, type BalanceSettings } from './balance/settings.ts';
import { Balancers } from './discover/balancers.ts';
import { Certifier } from './discover/certify.ts';
import { ControlChannel, countLookups, systemResolve } from './discover/channel.ts';
import { Targets } from './discover/targets.ts';
import type { Channel } from './discover/watch.ts';
import type { ProxyEnv, ServiceAddr } from './env.ts';
import { Inbound } from './inbound.ts';
import { measure } from './layers/measure.ts';
import { via } from './layers/via.ts';
import type { Log } from './log.ts';
import { Credentials } from './mesh-tls/credentials.ts';
import { countHandshakes } from './mesh-tls/handshakes.ts';
import { dial } from './mesh-tls/originate.ts';
import { Terminator } from './mesh-tls/terminate.ts';
import { Outbound, outboundDispatch, outboundEndpointLayers } from './outbound.ts';
import { defaultRules } from './policy/authorize.ts';
import { PortPolicy } from './policy/inbound.ts';
import { PortPolicies } from './policy/ports.ts';
import { buildRoutes } from './routes/build.ts';
import { TapHub } from './tap/hub.ts';
import { tapService } from './tap/service.ts';
import { dstLabels } from './telemetry/labels.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { reportProcess } from './telemetry/process.ts';
import type { TcpOptions } from './tcp/options.ts';
import { Patience } from './tcp/patience.ts';
import { SWEEP_MS } from './telemetry/registry.ts';
import { TransportMetrics } from './telemetry/transport.ts';
import { SpanExporter } from './trace/exporter.ts';

export interface ProxyDeps {
  env: ProxyEnv;
  log: Log;
  clock: Clock;
  random: () => number;
  readToken: () => Promise<Uint8Array>;
  /** PEM; throws when it cannot be read */
  readAnchors: () => string;
  origDst: { inbound: GetOrigDst; outbound: GetOrigDst };
}

const ANCHORS_POLL_MS = 5_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_PATIENCE_MS = 60_000;
const TARGET_TIMEOUT_MS = 10_000;
const PORT_TIMEOUT_MS = 1_000;
const MAX_ADMIN_CONNECTIONS = 64;
const POOL = { idleMs: 30_000, maxConnections: 10_000, reuse: null };

/** One proxy: every part, made once and wired together. Sockets come from outside. */
export class Proxy {
  readonly acceptInbound: (s: Socket) => void;
  readonly acceptOutbound: (s: Socket) => void;
  readonly metrics: Metrics = createMetrics();
  private readonly balancerMetrics = new BalancerMetrics(this.metrics.registry);
  onShutdown: () => void = () => {};
  /** called once, when the first certificate is there and traffic of the mesh can be served */
  onReady: () => void = () => {};
  private readonly deps: ProxyDeps;
  private readonly core: Core;
  private readonly credentials: Credentials;
  private readonly terminator: Terminator;
  private readonly certifier: Certifier;
  private readonly stops: (() => void)[] = [];
  private readonly adminSockets = new Set<Socket>();

  constructor(deps: ProxyDeps) {
    const { env, log, clock, random } = (this.deps = deps);
    this.credentials = new Credentials(env.identity.name, deps.readAnchors(), () => clock.wall());
    this.terminator = new Terminator(this.credentials, clock, HANDSHAKE_TIMEOUT_MS);
    const handshakes = countHandshakes(this.metrics.registry);
    this.terminator.handshakes = handshakes.inbound;
    this.credentials.handshakes = handshakes.outbound;
    const { listen } = env;
    this.core = new Core({
      clock, random, log, metrics: this.metrics, credentials: this.credentials,
      transport: new TransportMetrics(this.metrics), tap: new TapHub(() => clock.now()),
      ownPorts: new Set([listen.inbound.port, listen.outbound.port]), ownIps: new Set(env.podIps.map(canonicalIp)), detectMs: env.detectMs,
    });

    if (env.via !== '') this.core.via = via(env.via);

    const channels = new Map<string, Channel>();
    const channel = (client: string, addr: ServiceAddr): Channel => {
      const key = `${addr.host}:${addr.port}`;
      let c = channels.get(key);
      if (c === undefined) {
        const control = new ControlChannel(addr, this.controlConfig(key, addr), countLookups(systemResolve, this.metrics.controlDns, client), log);
        this.stops.push(() => control.stop());
        channels.set(key, c = { service: control.service, authority: control.authority, clock, random });
      }
      return c;
    };
    const destination = channel('destination', env.destination.service);
    const policy = channel('policy', env.policy.service);
    this.certifier = new Certifier(channel('identity', env.identity.service), env.identity, this.credentials, deps.readToken, log);

    if (env.trace !== null) this.core.spans = new SpanExporter(channel('trace', env.trace.service), env.trace.attributes, this.metrics.registry, log);

    const { reuse } = env;
    const pool = { ...this.poolConfig(env.connectTimeoutMs.outbound, env.tcp.outboundConnect, 100, true), reuse: reuse.maxRequests + reuse.maxAgeMs > 0 ? reuse : null };
    const balancers = new Balancers(destination, env.destination.context, (_name, settings) => this.balancerConfig(settings, pool, outboundEndpointLayers(this.core)));
    const build = { core: this.core, balancers, dispatch: outboundDispatch(this.core) };
    const followed = this.metrics.routes.policies.with({ result: 'followed' });
    const rejected = this.metrics.routes.policies.with({ result: 'rejected' });
    const targets = new Targets({
      clock, log, destination, policy, build: (model, dst, budgets) => buildRoutes(model, dst, budgets, build), onPolicy: (good) => { (good ? followed : rejected).value++; }, clusterNetworks: env.clusterNetworks, workload: env.policy.workload,
      context: env.destination.context, timeoutMs: TARGET_TIMEOUT_MS, idleMs: env.discoveryIdleMs.outbound,
    });
    this.stops.push(() => this.certifier.stop(), () => targets.stop(), () => balancers.stop());
    this.acceptOutbound = new Outbound(this.core, deps.origDst.outbound, targets, pool).accept;

    const [opaque, identified] = [new Set(env.opaquePorts), new Set(env.identityPorts)];
    const policyOf = (name: string, opaquePort: boolean): PortPolicy =>
      new PortPolicy(opaquePort ? 'opaque' : 'detect', { srv_group: '', srv_kind: 'default', srv_name: name }, defaultRules(name, env.clusterNetworks));
    const fallback = (port: number): string => {
      const name = env.defaultInboundPolicy;
      return identified.has(port) && isDefaultPolicy(name) ? requiringIdentity(name) : name;
    };
    const badPolicies = this.metrics.inboundBadPolicies.with({});
    const policies = new PortPolicies({
      clock, log, channel: policy, workload: env.policy.workload, onBadPolicy: () => { badPolicies.value++; }, firstMs: PORT_TIMEOUT_MS,
      idleMs: env.discoveryIdleMs.inbound, beyond: policyOf('deny', false), onBeyond: () => this.core.reject('too-many-ports'),
      fallback: (port) => policyOf(fallback(port), opaque.has(port)),
    }, env.inboundPorts);
    this.stops.push(() => policies.stop());
    const patience = new Patience(clock, Math.min(...Object.values(env.tcp).map((t) => t.userTimeoutMs).filter((ms) => ms > 0), MAX_PATIENCE_MS), () => this.core.sides());
    this.stops.push(() => patience.stop());
    this.acceptInbound = new Inbound(this.core, deps.origDst.inbound, this.terminator, policies, this.poolConfig(env.connectTimeoutMs.inbound, env.tcp.inboundConnect, 0, false), listen.inbound.port, env.accessLog).accept;

    this.metrics.registry.gauge('proxy_build_info', 'Version of the proxy.').permanent({ version: VERSION }).value = 1;
    reportProcess(this.metrics.registry, this.certifier.stats);
  }

  start(): void {
    this.certifier.onFirst = () => this.onReady();
    this.certifier.start();
    this.pollAnchors();
    this.sweepMetrics();
  }

  /** Reports an exception that nobody expected. */
  get bug(): (error: unknown) => void {
    return this.core.bug;
  }

  get spans(): SpanExporter | null {
    return this.core.spans;
  }

  get ready(): boolean {
    return this.credentials.leaf !== null;
  }

  /** Connections to the admin port; in the pod, monitoring and the kubelet come in clear text. */
  acceptAdmin(socket: Socket, loopback: boolean): void {
    this.adminSockets.add(socket);
    socket.once('close', () => this.adminSockets.delete(socket));
    if (this.adminSockets.size > MAX_ADMIN_CONNECTIONS) {
      // The oldest goes, not the newest: whoever holds connections cannot keep the kubelet's probes out.
      this.core.reject('admin-connections');
      this.adminSockets.values().next().value!.destroy();
    }
    const { log, env } = this.deps;
    const { credentials } = this;
    const deps = {
      registry: this.metrics.registry, log, env, ready: () => this.ready, shutdown: () => this.onShutdown(),
      identity: () => ({ identity: credentials.name, chain: credentials.leaf?.chain ?? '', anchors: credentials.anchors }),
    };
    this.core.serve(socket, 1, adminService(deps, loopback), Buffer.alloc(0), false);
  }

  /** Connections to the tap port: mesh TLS from the one identity that may tap. */
  readonly acceptTap = (socket: Socket): void => {
    const { env, random } = this.deps;
    if (env.tapIdentity === '' || !this.ready) {
      socket.destroy();
      return;
    }
    this.terminator.terminate(socket, ({ socket: tls, clientId }) => {
      tls.on('error', () => {});
      if (clientId !== env.tapIdentity) {
        this.core.log.warn('a tap was refused', { client: clientId });
        tls.destroy();
        return;
      }
      this.core.serve(tls, 2, tapService(this.core.tap, (random() * 2 ** 32) >>> 0), Buffer.alloc(0), false);
    }, () => socket.destroy());
  };

  async drain(graceMs: number): Promise<void> {
    await this.core.drain(graceMs);
  }

  /** Ends what would otherwise go on for ever: streams to the control plane, their connections, renewal. */
  stop(): void {
    for (const stop of this.stops) stop();
  }

  private sweepMetrics(): void {
    this.deps.clock.after(SWEEP_MS, () => {
      this.metrics.registry.sweep();
      this.sweepMetrics();
    });
  }

  private pollAnchors(): void {
    const { clock, log, readAnchors } = this.deps;
    clock.after(ANCHORS_POLL_MS, () => {
      try {
        const pem = readAnchors();
        if (pem !== this.credentials.anchors) {
          this.credentials.setAnchors(pem);
          log.info('trust anchors replaced');
          this.certifier.renewSoon();
        }
      } catch (e) {
        log.error('the trust anchors cannot be used; the last good ones stay', { error: (e as Error).message });
      }
      this.pollAnchors();
    });
  }

  private poolConfig(timeoutMs: number, tcp: TcpOptions, retryDelayMs: number, tracked: boolean): PoolConfig {
    const { clock } = this.deps;
    const { core, credentials } = this;
    return {
      ...POOL, clock, retryDelayMs,
      connect: (info, protocol, done, failed) => {
        const header = info.transportPort > 0 ? { port: info.addr.port, name: '', protocol } : null;
        const tls = info.tls === null ? null : { credentials, identity: info.tls.identity, serverName: info.tls.serverName, header };
        return dial(dialAddr(info), tls, { clock, timeoutMs, tcp }, (socket) => {
          if (tracked) core.transport.track(socket, { direction: 'outbound', peer: 'dst', ...dstLabels(info) });
          done(socket);
        }, failed);
      },
      http1: (socket) => core.http1Client(socket),
      http2: (socket) => core.http2Client(socket),
    };
  }

  private balancerConfig(settings: BalanceSettings, pool: PoolConfig, layers: BalancerConfig['layers']): BalancerConfig {
    return { pool, layers, random: this.deps.random, settings, made: this.balancerMetrics.track };
  }

  private controlConfig(name: string, { identity }: ServiceAddr): BalancerConfig {
    const labels = { addr: name, ...(identity === null ? { tls: 'no_identity', no_tls_reason: 'loopback' } : { tls: 'true', server_id: identity }) };
    const counted = measure({ metrics: this.metrics.control, clock: this.deps.clock, labels, anyAuthority: true });
    return { pool: this.poolConfig(3_000, this.deps.env.tcp.outboundConnect, 200, false), layers: () => counted, random: this.deps.random, settings: alone(10_000) };
  }
}
