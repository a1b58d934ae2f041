import type { Counter, Registry } from '../telemetry/registry.ts';
import type { Balancer } from './balancer.ts';

interface Series { ready: Counter; pending: Counter; ejected: Counter; length: Counter; gate: Counter; ejections: Counter; failFasts: Counter }

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
    this.resolve = ({ name: backend }) => ({
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
    const known = this.backends.get(balancer.name);
    if (known === undefined) this.backends.set(balancer.name, { series: this.resolve(balancer), balancers: new Set([balancer]) });
    else known.balancers.add(balancer);
  };

  private collect(): void {
    for (const [name, { series, balancers }] of this.backends) {
      for (const gauge of [series.ready, series.pending, series.ejected, series.length]) gauge.value = 0;
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
  series.ready.value += ready;
  series.pending.value += down;
  series.ejected.value += ejected;
  series.length.value += waiting;
  if (failFast) series.gate.value = 0;
  const { ejections, failFasts } = balancer.takeCounts();
  series.ejections.value += ejections;
  series.failFasts.value += failFasts;
}
