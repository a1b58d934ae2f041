import { InboundServerPolicies } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies } from '../../api/gen/outbound_pb.js';
import { watchRoutes } from '../cluster/routes.ts';
import { shareCluster } from '../cluster/share.ts';
import { streams } from '../cluster/streams.ts';
import { ConfigError } from '../config.ts';
import type { StartService } from '../deps.ts';
import { serveGrpc } from '../serve/grpc.ts';
import { policyChanges } from './changes.ts';
import { DEFAULT_POLICIES, isDefaultPolicy } from './inbound/default-policy.ts';
import { inboundService } from './inbound/service.ts';
import { outboundService } from './outbound/service.ts';
import { settingsMemory } from './settings/memory.ts';

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
    onError: (target: string, err: unknown) => log.error({ err, target }, 'a policy could not be computed'),
  };
  const routes = watchRoutes({ client: deps.kube, log, clock: deps.clock });
  const settings = settingsMemory();
  const inbound = inboundService(options);
  const outbound = outboundService({ ...options, changes: policyChanges(cluster, routes), settings });
  deps.admin.addCheck('policy', () => cluster.problem() ?? routes.problem());
  const server = await serveGrpc({
    host: env.listenHost,
    port: env.ports.policy,
    routes: (router) => void router.service(InboundServerPolicies, inbound).service(OutboundPolicies, outbound),
    identity: deps.identity,
    log,
    clock: deps.clock,
  });
  return {
    async stop() {
      deps.admin.removeCheck('policy');
      await server.stop();
      inbound.close();
      outbound.close();
      await routes.stop();
      await release();
    },
  };
};
