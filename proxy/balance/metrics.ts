import type { Counter, Histogram, Registry } from '../telemetry/registry.ts';
import type { Balancer } from './balancer.ts';

/** Seconds. */
const WAIT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 3, 10];

interface Series { endpoints: Counter; added: Counter; removed: Counter; waits: Histogram; ready: Counter; pending: Counter; ejected: Counter; length: Counter; gate: Counter; ejections: Counter; failFasts: Counter }

/** What balancers say of themselves, read when metrics are; a balancer that is closed has no series any more. */
export class BalancerMetrics {
  private readonly backends = new Map<string, { series: Series; balancers: Set<Balancer> }>();
  private readonly resolve: (b: Balancer) => Series;

  constructor(registry: Registry) {
    const endpoints = registry.gauge('outbound_http_balancer_endpoints', 'Endpoints in a balancer, by state.');
    const length = registry.gauge('outbound_http_balancer_queue_length', 'Requests that wait for an endpoint.');
    const gate = registry.gauge('outbound_http_balancer_queue_gate_open', '1, or 0 while requests fail at once because there has been no endpoint for too long.');
    const ejections = registry.counter('outbound_http_balancer_ejections_total', 'Endpoints taken out of a balancer for their failures.');
    const failFasts = registry.counter('outbound_http_balancer_failfast_total', 'Times that a balancer began to fail requests at once.');
    const all = registry.gauge('outbound_http_balancer_p2c_endpoints', 'Endpoints in a balancer.');
    const updates = registry.counter('outbound_http_balancer_p2c_updates_total', 'Endpoints that came into a balancer or went.');
    const waits = registry.histogram('outbound_http_balancer_queue_latency_seconds', 'Time that requests waited for an endpoint, of those that had to.', WAIT_BUCKETS);
    this.resolve = ({ name: backend }) => ({
      endpoints: all.with({ backend }),
      added: updates.with({ backend, op: 'Add' }),
      removed: updates.with({ backend, op: 'Rm' }),
      waits: waits.with({ backend }),
      ready: endpoints.with({ backend, endpoint_state: 'ready' }),
      pending: endpoints.with({ backend, endpoint_state: 'pending' }),
      ejected: endpoints.with({ backend, endpoint_state: 'ejected' }),
      length: length.with({ backend }),
      gate: gate.with({ backend }),
      ejections: ejections.with({ backend }),
      failFasts: failFasts.with({ backend }),
    });
    registry.onCollect(() => this.collect());
  }

  readonly track = (balancer: Balancer): void => {
    let known = this.backends.get(balancer.name);
    if (known === undefined) this.backends.set(balancer.name, known = { series: this.resolve(balancer), balancers: new Set() });
    known.balancers.add(balancer);
    const { waits } = known.series;
    balancer.onWaited = (ms) => waits.observe(ms / 1000);
  };

  private collect(): void {
    for (const [name, { series, balancers }] of this.backends) {
      for (const gauge of [series.endpoints, series.ready, series.pending, series.ejected, series.length]) gauge.value = 0;
      series.gate.value = 1;
      for (const b of balancers) add(series, b);
      for (const b of balancers) if (b.closed) balancers.delete(b);
      if (balancers.size === 0) this.backends.delete(name);
    }
  }
}

/** One backend may be balanced over in more than one way, each by a balancer of its own. */
function add(series: Series, balancer: Balancer): void {
  const { ready, down, ejected, waiting, failFast } = balancer.state();
  series.endpoints.value += ready + down + ejected;
  series.ready.value += ready;
  series.pending.value += down;
  series.ejected.value += ejected;
  series.length.value += waiting;
  if (failFast) series.gate.value = 0;
  const { ejections, failFasts, added, removed } = balancer.takeCounts();
  series.added.value += added;
  series.removed.value += removed;
  series.ejections.value += ejections;
  series.failFasts.value += failFasts;
}
