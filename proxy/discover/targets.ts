import { addrText, type OrigDst } from '../accept/addr.ts';
import type { FirstWord } from '../accept/quiet.ts';
import type { Cidr } from '../../lib/cidr.ts';
import type { Clock } from '../../lib/clock.ts';
import { STATUS } from '../../lib/grpc/status.ts';
import type { Log } from '../log.ts';
import type { EndpointInfo } from '../balance/endpoint.ts';
import { compileOutbound, forwardAll, refuseAll } from '../policy/outbound/compile.ts';
import type { BackendRef, OutboundModel } from '../policy/outbound/model.ts';
import { Budgets } from '../routes/budgets.ts';
import type { BuiltRoutes } from '../routes/build.ts';
import { endpointOf, ipMessage } from './convert.ts';
import { DESTINATION_PROFILE, OUTBOUND_WATCH } from './methods.ts';
import { Watch, type Channel } from './watch.ts';

/** How long a policy waits to hear of the endpoints of backends that it chooses among. Milliseconds. */
const HEARD_MS = 1_000;

export interface TargetsConfig {
  clock: Clock;
  log: Log;
  destination: Channel;
  policy: Channel;
  /** makes a policy run */
  build: (model: OutboundModel, dst: OrigDst, budgets: Budgets) => BuiltRoutes;
  /** counts a policy, whether it can be followed or not */
  onPolicy: (followed: boolean) => void;
  clusterNetworks: readonly Cidr[];
  workload: string;
  context: string;
  /** how long a first connection waits for the control plane; milliseconds */
  timeoutMs: number;
  /** an unused destination is forgotten after this long; milliseconds */
  idleMs: number;
}

/** One original destination, with what the control plane says of it. The last known answer stays in force while the control plane is away. */
export class Target {
  routes: BuiltRoutes | null = null;
  /** what is to take their place */
  private next: BuiltRoutes | null = null;
  firstWord: FirstWord = 'unknown';
  connections = 0;
  usedAt: number;
  readonly dst: OrigDst;
  private readonly config: TargetsConfig;
  private waiting: { ready: () => void; failed: () => void }[] = [];
  private watches: { readonly current: boolean; stop(): void }[] = [];
  private policyMissing = false;
  private profile: OutboundModel | null = null;
  private readonly budgets: Budgets;

  constructor(dst: OrigDst, config: TargetsConfig) {
    this.dst = dst;
    this.config = config;
    this.usedAt = config.clock.now();
    this.budgets = new Budgets(config.clock);
    if (config.clusterNetworks.some((n) => n.contains(dst.ip))) this.discover();
    else this.use(forwardAll(this.direct()));
  }

  /** the original destination as it is, unmeshed */
  private direct(): BackendRef {
    const endpoint: EndpointInfo = { addr: { ip: this.dst.ip, port: this.dst.port }, weight: 1, labels: {}, tls: null, h2: false, opaque: false, transportPort: 0 };
    return { kind: 'forward', endpoint };
  }

  private discover(): void {
    const { policy, destination, workload, context, log } = this.config;
    const text = addrText(this.dst);
    const policyWatch = new Watch(policy, OUTBOUND_WATCH, { sourceWorkload: workload, target: { case: 'addr', value: { ip: ipMessage(this.dst.ip), port: this.dst.port } } }, {
      message: (m) => {
        this.policyMissing = false;
        this.follow(() => compileOutbound(m, this.direct()));
      },
      ended: (error) => {
        log.debug('the policy stream of a destination ended', { dst: text, error: error?.message ?? '' });
        if (error?.code !== STATUS.NOT_FOUND) return false;
        this.policyMissing = true;
        if (this.profile !== null) this.use(this.profile);
        return true;
      },
    });
    const profileWatch = new Watch(destination, DESTINATION_PROFILE, { scheme: '', path: text, contextToken: context }, {
      message: (p) => {
        const ref: BackendRef = p.endpoint === undefined ? this.direct() : { kind: 'forward', endpoint: endpointOf(p.endpoint, {}) };
        this.profile = forwardAll(ref, p.opaqueProtocol ? 'opaque' : 'detect');
        if (this.policyMissing) this.use(this.profile);
      },
      ended: (error) => {
        if (error?.code !== STATUS.INVALID_ARGUMENT) return false;
        this.profile = forwardAll(this.direct());
        if (this.policyMissing) this.use(this.profile);
        return true;
      },
    });
    this.watches = [policyWatch, profileWatch];
  }

  /** A policy that cannot be followed leaves the last good one in force; without one, nothing passes. */
  private follow(compile: () => OutboundModel): void {
    let model: OutboundModel;
    try {
      model = compile();
    } catch (e) {
      const { log, onPolicy } = this.config;
      const { message } = e as Error;
      log.warn('a policy of the control plane cannot be followed; the last good one stays', { dst: addrText(this.dst), error: message });
      onPolicy(false);
      if (this.routes === null && this.next === null) this.use(refuseAll(message));
      return;
    }
    this.use(model, () => this.config.onPolicy(true));
  }

  /** Runs a policy as soon as its backends are known, or after a while without them: until then the one before it does. */
  private use(model: OutboundModel, done: () => void = () => {}): void {
    const next = this.config.build(model, this.dst, this.budgets);
    this.next?.release();
    this.next = next;
    const start = (): void => {
      if (this.next !== next) return;
      this.config.clock.cancel(timer);
      this.next = null;
      const before = this.routes;
      this.routes = next;
      before?.release();
      done();
      const batch = this.waiting;
      this.waiting = [];
      for (const w of batch) w.ready();
    };
    const timer = this.config.clock.after(HEARD_MS, start);
    next.whenHeard(start);
  }

  /** Calls `ready` as soon as it is known where to go, or `failed` when the control plane did not say in time. */
  whenReady(ready: () => void, failed: () => void): void {
    if (this.routes !== null) {
      ready();
      return;
    }
    const w = { ready, failed };
    this.waiting.push(w);
    this.config.clock.after(this.config.timeoutMs, () => {
      const i = this.waiting.indexOf(w);
      if (i < 0) return;
      this.waiting.splice(i, 1);
      failed();
    });
  }

  /** What is known of it could be asked for again. */
  get current(): boolean {
    return this.watches.every((w) => w.current);
  }

  stop(): void {
    for (const w of this.watches) w.stop();
    this.next?.release();
    this.next = null;
    this.routes?.release();
  }
}

/** Every destination in use. */
export class Targets {
  private readonly config: TargetsConfig;
  private readonly byAddr = new Map<string, Target>();

  constructor(config: TargetsConfig) {
    this.config = config;
    this.sweepLater();
  }

  get(dst: OrigDst): Target {
    const key = addrText(dst);
    let t = this.byAddr.get(key);
    if (t === undefined) this.byAddr.set(key, t = new Target(dst, this.config));
    t.usedAt = this.config.clock.now();
    return t;
  }

  stop(): void {
    for (const t of this.byAddr.values()) t.stop();
    this.byAddr.clear();
  }

  private sweepLater(): void {
    this.config.clock.after(this.config.idleMs / 4, () => {
      const limit = this.config.clock.now() - this.config.idleMs;
      for (const [key, t] of this.byAddr) {
        // While the control plane is away, what is known is all there is.
        if (t.connections > 0 || t.usedAt > limit || !t.current) continue;
        this.byAddr.delete(key);
        t.stop();
      }
      this.sweepLater();
    });
  }
}
