import { Counter, Gauge } from '@prometheus-io/client';
import { serveGroup } from '../aggregated/share.ts';
import type { ControlDeps, Service } from '../deps.ts';
import type { ControlEnv } from '../env.ts';
import { startAggregator } from './aggregator.ts';
import { shareDirectory } from './directory.ts';
import { fetchMetrics } from './fetch.ts';
import { metricsGroup } from './group.ts';

/** Scrapes the proxies and answers for metrics.kubectl-mesh.io. Resolves when the aggregated API listens. */
export async function start(env: ControlEnv, deps: ControlDeps): Promise<Service & { port: number }> {
  const { kube, clock, config, admin } = deps;
  const log = deps.log.child({ service: 'metrics' });
  const { directory, release } = shareDirectory({ kube, clock, log, controlNamespace: config.controlNamespace });
  const scrapes = new Counter({ name: 'mesh_metrics_scrapes_total', help: 'Scrapes of proxies, by outcome', labelNames: ['ok'], registers: [admin.registry] });
  const aggregator = startAggregator({ directory, clock, log, random: Math.random, fetch: fetchMetrics, onScrape: (ok) => scrapes.inc({ ok: String(ok) }) });
  const observed = new Gauge({
    name: 'mesh_metrics_pods', help: 'Meshed pods whose figures are kept', registers: [admin.registry],
    collect() {
      observed.set(Array.from(aggregator.observed()).length);
    },
  });
  admin.addCheck('metrics', () => {
    const problem = directory.problem();
    if (problem !== null || !config.highAvailability) return problem;
    return aggregator.warm() ? null : 'has not asked every proxy twice, as the other replicas have';
  });
  const lease = await serveGroup(
    metricsGroup({ aggregator, directory, trustDomain: config.trustDomain, controlNamespace: config.controlNamespace }),
    { kube, clock, log: deps.log, config, listen: { host: env.listenHost, port: env.ports.api } },
  );
  return {
    port: lease.port,
    async stop() {
      admin.removeCheck('metrics');
      await lease.withdraw();
      await aggregator.stop();
      await release();
    },
  };
}
