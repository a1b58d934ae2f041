import { Code, ConnectError } from '@connectrpc/connect';
import type { ServiceImpl } from '@connectrpc/connect';
import type { InboundServerPolicies, PortSpec, Server } from '../../../api/gen/inbound_pb.js';
import { compileInbound } from '../../../lib/authz/compile.ts';
import { parseContext } from '../../cluster/context.ts';
import { Live } from '../../cluster/live.ts';
import type { InboundPolicy } from '../model.ts';
import { snapshot } from '../snapshot.ts';
import type { PolicyOptions, Snapshot } from '../snapshot.ts';
import type { LastGood } from './last-good.ts';
import type { InboundView } from './policies.ts';
import { serverMessage } from './wire.ts';

/**
 * io.linkerd.proxy.inbound.InboundServerPolicies. A watch of a pod that is not known yet stays silent until it is, and the proxy goes by the
 * default policy in its environment meanwhile; one of a pod that has gone keeps its last word.
 */
export function inboundService({ changes, config, streams, onError, good }: PolicyOptions<InboundView> & { good: LastGood }): ServiceImpl<typeof InboundServerPolicies> & { close(): void } {
  function compute(key: string, view: InboundView, previous: Snapshot<InboundPolicy> | undefined): Snapshot<InboundPolicy> {
    const at = key.lastIndexOf(':');
    const pod = view.pod(key.slice(0, at));
    return snapshot(pod && compileInbound(pod, Number(key.slice(at + 1)), view, config, good), previous);
  }
  const policies = new Live<Snapshot<InboundPolicy>, InboundView>({ changes, onError, compute });

  async function* servers(key: string, signal: AbortSignal): AsyncGenerator<Server, void, void> {
    for await (const { policy } of policies.follow(key, signal)) if (policy) yield serverMessage(policy);
  }

  return {
    async getPort(request) {
      const { policy } = await policies.once(keyOf(request));
      if (!policy) throw new ConnectError(`no pod "${request.workload.trim()}"`, Code.NotFound);
      return serverMessage(policy);
    },
    watchPort(request, context) {
      return streams.run('WatchPort', context.signal, servers(keyOf(request), context.signal));
    },
    close: () => policies.close(),
  };
}

/** namespace/pod:port */
function keyOf({ workload, port }: PortSpec): string {
  const { namespace, pod } = parseContext(workload);
  if (namespace === undefined || pod === undefined) {
    throw new ConnectError(`workload "${workload.trim()}" is not of the form {"ns":"…","pod":"…"}`, Code.InvalidArgument);
  }
  if (port < 1 || port > 65_535) throw new ConnectError(`${port} is no port`, Code.InvalidArgument);
  return `${namespace}/${pod}:${port}`;
}
