import type { MeshConfig } from '../../../api/config.ts';
import { PORTS } from '../../../api/ports.ts';
import type { Pod } from '../../../lib/kube/types.ts';
import { annotation, isOpaquePort } from '../../cluster/mesh.ts';
import type { ClusterView } from '../../cluster/view.ts';
import type { InboundPolicy, InboundRoute } from '../model.ts';
import { ALL_NETWORKS, defaultAuthorizations, isDefaultPolicy } from './default-policy.ts';
import type { DefaultPolicy } from './default-policy.ts';
import { probeRequests } from './probes.ts';

/** How long a proxy waits for a client's first bytes before it takes a connection for opaque; Linkerd's value. */
export const DETECT_TIMEOUT_MS = 10_000;

/** The policy of one port of a pod, from the pod, its namespace and the mesh's configuration. */
export function compileInbound(pod: Pod, port: number, view: ClusterView, config: MeshConfig): InboundPolicy {
  const name = defaultPolicyOf(pod, view, config);
  const proxys = port === PORTS.admin || port === PORTS.tap;
  const probes = probeRequests(pod, port);
  const probeRoute: InboundRoute = {
    reference: { kind: 'default', name: 'probe' },
    authorizations: [{ reference: { kind: 'default', name: 'probe' }, networks: ALL_NETWORKS, clients: { kind: 'anybody' } }],
    matches: probes,
  };
  const everything: InboundRoute = {
    reference: { kind: 'default', name: 'default' },
    authorizations: [],
    matches: [{ path: { kind: 'prefix', value: '/' } }],
  };
  return {
    reference: { kind: 'default', name },
    protocol: !proxys && isOpaquePort(pod, port, view, config) ? 'opaque' : 'detect',
    detectTimeoutMs: DETECT_TIMEOUT_MS,
    authorizations: defaultAuthorizations(name, config.clusterNetworks),
    routes: probes.length > 0 ? [probeRoute, everything] : [everything],
  };
}

/** An annotation that is no policy is passed over: the injector tells about it. */
function defaultPolicyOf(pod: Pod, view: ClusterView, config: MeshConfig): DefaultPolicy {
  const wanted = annotation(pod, 'default-inbound-policy', view)?.trim();
  if (wanted !== undefined && isDefaultPolicy(wanted)) return wanted;
  return config.proxy.defaultInboundPolicy as DefaultPolicy;
}
