import { Destination } from '../../api/gen/destination_pb.js';
import { shareCluster } from '../cluster/share.ts';
import { streams } from '../cluster/streams.ts';
import type { StartService } from '../deps.ts';
import { serveGrpc } from '../serve/grpc.ts';
import { destinationService } from './service.ts';

/** Service discovery for proxies: Destination.Get and GetProfile, answered from watches of services, endpoint slices, pods, namespaces and nodes. */
export const start: StartService = async (env, deps) => {
  const log = deps.log.child({ service: 'destination' });
  const { cluster, release } = shareCluster({ client: deps.kube, log: deps.log, clock: deps.clock });
  const service = destinationService({
    changes: cluster,
    config: deps.config,
    streams: streams('destination', deps.admin.registry),
    clock: deps.clock,
    onError: (target, err) => log.error({ err, target }, 'a destination could not be computed'),
  });
  deps.admin.addCheck('destination', () => cluster.problem());
  const server = await serveGrpc({
    host: env.listenHost,
    port: env.ports.destination,
    routes: (router) => void router.service(Destination, service),
    identity: deps.identity,
    synced: cluster.synced,
    log,
    clock: deps.clock,
  });
  return {
    async stop() {
      deps.admin.removeCheck('destination');
      await server.stop();
      service.close();
      await release();
    },
  };
};
