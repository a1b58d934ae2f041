import { addrText, type SocketAddr } from './accept/addr.ts';
import { Balancer } from './balance/balancer.ts';
import type { PoolConfig } from './balance/pool.ts';
import { alone } from './balance/settings.ts';
import type { Layer } from './message/contract.ts';

/** Ports whose connections are kept at a time; clients choose the numbers, so there is a bound. */
const MAX_APPS = 512;
const FAIL_FAST_MS = 1_000;

/** The application's ports as destinations with one endpoint each. */
export class LocalApps {
  private readonly pool: PoolConfig;
  private readonly random: () => number;
  private readonly layer: Layer;
  private readonly byAddr = new Map<string, Balancer>();

  /** `layer`: what stands right before the application */
  constructor(pool: PoolConfig, random: () => number, layer: Layer) {
    this.pool = pool;
    this.random = random;
    this.layer = layer;
  }

  get(addr: SocketAddr): Balancer {
    const key = addrText(addr);
    let b = this.byAddr.get(key);
    if (b !== undefined) return b;
    b = new Balancer(key, { pool: this.pool, settings: alone(FAIL_FAST_MS), layers: () => this.layer, random: this.random });
    b.add([{ addr: { ip: addr.ip, port: addr.port }, weight: 1, labels: {}, tls: null, h2: false, opaque: false, transportPort: 0 }]);
    if (this.byAddr.size >= MAX_APPS) {
      const [oldest, gone] = this.byAddr.entries().next().value!;
      this.byAddr.delete(oldest);
      gone.close();
    }
    this.byAddr.set(key, b);
    return b;
  }
}
