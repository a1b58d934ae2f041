import type { MeshConfig } from '../../../api/config.ts';
import type { Service } from '../../../lib/kube/types.ts';
import { isOpaqueServicePort, servicePort } from '../../cluster/mesh.ts';
import { serviceName } from '../../cluster/target.ts';
import type { ClusterView } from '../../cluster/view.ts';
import type { Backend, OutboundPolicy, OutboundProtocol, OutboundRoute, Reference } from '../model.ts';

/** How long a proxy waits for its application's first bytes before it takes a connection for opaque; Linkerd's value. */
const DETECT_TIMEOUT_MS = 10_000;

/** appProtocol (KEP-3726 and what is in common use) -> what the proxy need not find out. */
const APP_PROTOCOLS: Record<string, OutboundProtocol> = {
  http: 'http1',
  'kubernetes.io/ws': 'http1',
  'kubernetes.io/h2c': 'http2',
  http2: 'http2',
  grpc: 'http2',
};

/** How clients are to treat one port of a service, from the service, its namespace and the mesh's configuration. */
export function compileOutbound(service: Service, port: number, view: ClusterView, config: MeshConfig): OutboundPolicy {
  const { name, namespace = '' } = service.metadata;
  const reference: Reference = { kind: 'resource', group: 'core', type: 'Service', name, namespace, port };
  const backend: Backend = { reference, destination: `${serviceName(name, namespace, config.clusterDomain)}:${port}` };
  const appProtocol = servicePort(service, port)?.appProtocol?.toLowerCase() ?? '';
  const opaque = isOpaqueServicePort(service, port, view, config);
  return {
    reference,
    protocol: opaque ? 'opaque' : (APP_PROTOCOLS[appProtocol] ?? 'detect'),
    detectTimeoutMs: DETECT_TIMEOUT_MS,
    httpRoutes: [defaultRoute('http', backend)],
    opaqueRoutes: [defaultRoute('opaque', backend)],
  };
}

/** Takes everything to the service itself. */
function defaultRoute(name: string, backend: Backend): OutboundRoute {
  return { reference: { kind: 'default', name }, matches: [{ path: { kind: 'prefix', value: '/' } }], backends: [backend] };
}
