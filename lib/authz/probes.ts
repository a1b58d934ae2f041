import type { Container, Pod, Probe } from '../kube/types.ts';
import { allContainers } from '../mesh/pods.ts';
import type { RequestMatch } from './model.ts';

/** Path of the standard health service, which gRPC probes call. */
const GRPC_HEALTH = '/grpc.health.v1.Health/Check';

/**
 * Requests that the kubelet's probes make to a port of the pod, each once: GET of the path without its query, or the gRPC health check.
 * Probes of sidecars count too: the proxy's own are on its admin port.
 */
export function probeRequests(pod: Pod, port: number): RequestMatch[] {
  const found = new Map<string, RequestMatch>();
  for (const container of allContainers(pod)) {
    for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
      const request = probe && requestTo(probe, container, port);
      if (request) found.set(`${request.method} ${request.path.value}`, request);
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, request]) => request);
}

function requestTo(probe: Probe, container: Container, port: number): RequestMatch | undefined {
  if (probe.httpGet && numberOf(probe.httpGet.port, container) === port) {
    const [path = ''] = (probe.httpGet.path ?? '').split(/[?#]/, 1);
    return { method: 'GET', path: { kind: 'exact', value: path.startsWith('/') ? path : `/${path}` } };
  }
  if (probe.grpc?.port === port) return { method: 'POST', path: { kind: 'exact', value: GRPC_HEALTH } };
  return undefined;
}

function numberOf(port: number | string, container: Container): number | undefined {
  if (typeof port === 'number') return port;
  return container.ports?.find((one) => one.name === port)?.containerPort ?? (/^\d+$/.test(port) ? Number(port) : undefined);
}
