import { Counter } from '@prometheus-io/client';
import { InboundServerPolicies } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies } from '../../api/gen/outbound_pb.js';
import { SERVICES } from '../../api/names.ts';
import { DEFAULT_POLICIES, isDefaultPolicy } from '../../lib/authz/default-policy.ts';
import { leader } from '../../lib/kube/lease.ts';
import { watchRoutes } from '../cluster/routes.ts';
import { shareCluster } from '../cluster/share.ts';
import { streams } from '../cluster/streams.ts';
import { ConfigError } from '../config.ts';
import type { StartService } from '../deps.ts';
import { eventRecorder } from '../events.ts';
import { serveGrpc } from '../serve/grpc.ts';
import { policyChanges } from './changes.ts';
import { lastGood } from './inbound/last-good.ts';
import { inboundChanges, watchAuthorizationPolicies } from './inbound/policies.ts';
import { inboundService } from './inbound/service.ts';
import { keepAuthorizationStatus } from './inbound/status.ts';
import { outboundService } from './outbound/service.ts';
import { keepSettings, readSettingsEagerly } from './settings/keep.ts';
import { watchKept } from './settings/kept.ts';
import { settingsMemory } from './settings/memory.ts';
import { keepStatus } from './status/controller.ts';

/** Policies for proxies: of their own ports (inbound) and of the services that they call (outbound). */
export const start: StartService = async (env, deps) => {
  const { config } = deps;
  if (!isDefaultPolicy(config.proxy.defaultInboundPolicy)) {
    throw new ConfigError(`${env.configFile}: proxy.defaultInboundPolicy is "${config.proxy.defaultInboundPolicy}"; use one of ${DEFAULT_POLICIES.join(', ')}`);
  }
  const log = deps.log.child({ service: 'policy' });
  const { cluster, release } = shareCluster({ client: deps.kube, log: deps.log, clock: deps.clock });
  const options = {
    changes: cluster,
    config,
    streams: streams('policy', deps.admin.registry),
    clock: deps.clock,
    onError: (target: string, err: unknown) => log.error({ err, target }, 'a policy could not be computed'),
  };
  const routes = watchRoutes({ client: deps.kube, log, clock: deps.clock });
  const keeping = { client: deps.kube, namespace: config.controlNamespace, clock: deps.clock, log };
  const kept = watchKept(keeping);
  const settings = settingsMemory((key) => kept.of(key));
  const authorizations = watchAuthorizationPolicies({ client: deps.kube, log, clock: deps.clock });
  const changes = policyChanges(cluster, routes, kept.synced);
  const stopReading = readSettingsEagerly({ changes, cluster, routes, settings });
  const good = lastGood(config);
  const ofPorts = inboundChanges(changes, authorizations);
  const inbound = inboundService({ ...options, changes: ofPorts, good });
  const outbound = outboundService({ ...options, changes, settings });
  deps.admin.addCheck('policy', () => cluster.problem() ?? routes.problem() ?? authorizations.problem() ?? kept.problem());
  const server = await serveGrpc({
    host: env.listenHost,
    port: env.ports.policy,
    routes: (router) => void router.service(InboundServerPolicies, inbound).service(OutboundPolicies, outbound),
    identity: deps.identity,
    synced: ofPorts.synced,
    log,
    clock: deps.clock,
  });
  const writes = new Counter({ name: 'mesh_policy_status_writes_total', help: 'Statuses of routes written', registers: [deps.admin.registry] });
  const events = eventRecorder({ kube: () => deps.kube, clock: deps.clock, log, component: SERVICES.policy, host: env.podName });
  const statuses = leader({
    client: deps.kube, name: SERVICES.policy, namespace: config.controlNamespace, holder: env.podName, clock: deps.clock, log, signal: deps.signal,
    async lead(signal) {
      const shared = { client: deps.kube, events, clock: deps.clock, log, onWrite: () => writes.inc() };
      await Promise.all([
        keepStatus({ ...shared, changes, cluster, routes, settings, config }, signal),
        keepSettings({ ...keeping, changes, cluster, routes, settings, kept }, signal),
        keepAuthorizationStatus({ ...shared, changes: ofPorts, policies: authorizations, good }, signal),
      ]);
    },
  });
  return {
    async stop() {
      deps.admin.removeCheck('policy');
      await Promise.all([statuses.stop(), server.stop()]);
      inbound.close();
      outbound.close();
      stopReading();
      await kept.stop();
      await authorizations.stop();
      await routes.stop();
      await release();
    },
  };
};
