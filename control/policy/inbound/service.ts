import { Code, ConnectError } from '@connectrpc/connect';
import type { InboundServerPolicies, PortSpec } from '../../../api/gen/inbound_pb.js';
import { inbound_Server } from '../../../api/gen/tables.ts';
import { compileInbound } from '../../../lib/authz/compile.ts';
import { parseContext } from '../../cluster/context.ts';
import { Live } from '../../cluster/live.ts';
import { paced } from '../../cluster/pace.ts';
import { framesOnce } from '../../serve/frames.ts';
import type { ServiceHandlers } from '../../serve/router.ts';
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
export function inboundService({ changes, config, streams, clock, onError, good }: PolicyOptions<InboundView> & { good: LastGood }): ServiceHandlers<typeof InboundServerPolicies> & { close(): void } {
  function compute(key: string, view: InboundView, previous: Snapshot<InboundPolicy> | undefined): Snapshot<InboundPolicy> {
    const at = key.lastIndexOf(':');
    const pod = view.pod(key.slice(0, at));
    return snapshot(pod && compileInbound(pod, Number(key.slice(at + 1)), view, config, good), previous);
  }
  const policies = new Live<Snapshot<InboundPolicy>, InboundView>({ changes, onError, compute, soon: paced(clock) });
  const frames = framesOnce(inbound_Server, serverMessage);

  return {
    async getPort(request) {
      const { policy } = await policies.once(keyOf(request));
      if (!policy) throw new ConnectError(`no pod "${request.workload.trim()}"`, Code.NotFound);
      return serverMessage(policy);
    },
    watchPort(request) {
      const key = keyOf(request);
      return (out) => streams.feed<Snapshot<InboundPolicy>>('WatchPort', out, (listener) => policies.listen(key, listener), ({ policy }) => (policy ? frames(policy) : null));
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
