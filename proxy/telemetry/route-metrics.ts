import type { Meta } from '../policy/outbound/model.ts';
import type { CounterFamily, HistogramFamily, Registry } from './registry.ts';
import type { Labels } from './text.ts';

/** Linkerd's buckets, seconds. */
const REQUEST_SECONDS = [0.05, 0.5, 1, 10];
/** Bytes of body that pass at a time. */
const FRAME_BYTES = [128, 1024, 10_240];
const BACKEND_SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 10];

/** The metrics of one kind of route. */
export interface RouteFamilies {
  /** name of the label that has the status: http_status or grpc_status */
  status: string;
  requestSeconds: HistogramFamily;
  requestStatuses: CounterFamily;
  requestFrames: HistogramFamily;
  retries: CounterFamily;
  retrySuccesses: CounterFamily;
  retryLimits: CounterFamily;
  retryOverflows: CounterFamily;
  backendRequests: CounterFamily;
  backendSeconds: HistogramFamily;
  backendStatuses: CounterFamily;
  backendFrames: HistogramFamily;
}

export interface RouteMetrics {
  http: RouteFamilies;
  grpc: RouteFamilies;
  faults: CounterFamily;
  mirrored: CounterFamily;
  tcpOpen: CounterFamily;
  tcpClose: CounterFamily;
  tlsOpen: CounterFamily;
  tlsClose: CounterFamily;
  policies: CounterFamily;
}

export function createRouteMetrics(r: Registry): RouteMetrics {
  return {
    http: {
      status: 'http_status',
      requestSeconds: r.histogram('outbound_http_route_request_duration_seconds', 'Time from a request of an HTTP route to the end of its response.', REQUEST_SECONDS),
      requestFrames: r.histogram('outbound_http_route_request_frame_size_bytes', 'Pieces of request bodies of HTTP routes.', FRAME_BYTES),
      requestStatuses: r.counter('outbound_http_route_request_statuses_total', 'Completed requests of HTTP routes, by status.'),
      retries: r.counter('outbound_http_route_retry_requests_total', 'Retries of requests of HTTP routes.'),
      retrySuccesses: r.counter('outbound_http_route_retry_successes_total', 'Requests of HTTP routes that succeeded after a retry.'),
      retryLimits: r.counter('outbound_http_route_retry_limit_exceeded_total', 'Requests of HTTP routes that failed with every retry used.'),
      retryOverflows: r.counter('outbound_http_route_retry_overflow_total', 'Requests of HTTP routes that were not retried because the budget was used up.'),
      backendRequests: r.counter('outbound_http_route_backend_requests_total', 'Requests sent to backends of HTTP routes, retries included.'),
      backendSeconds: r.histogram('outbound_http_route_backend_response_duration_seconds', 'Time from a request to a backend of an HTTP route to the end of its response.', BACKEND_SECONDS),
      backendFrames: r.histogram('outbound_http_route_backend_response_frame_size_bytes', 'Pieces of response bodies of backends of HTTP routes.', FRAME_BYTES),
      backendStatuses: r.counter('outbound_http_route_backend_response_statuses_total', 'Completed responses of backends of HTTP routes, by status.'),
    },
    grpc: {
      status: 'grpc_status',
      requestSeconds: r.histogram('outbound_grpc_route_request_duration_seconds', 'Time from a call of a gRPC route to the end of its response.', REQUEST_SECONDS),
      requestFrames: r.histogram('outbound_grpc_route_request_frame_size_bytes', 'Pieces of request bodies of gRPC routes.', FRAME_BYTES),
      requestStatuses: r.counter('outbound_grpc_route_request_statuses_total', 'Completed calls of gRPC routes, by status.'),
      retries: r.counter('outbound_grpc_route_retry_requests_total', 'Retries of calls of gRPC routes.'),
      retrySuccesses: r.counter('outbound_grpc_route_retry_successes_total', 'Calls of gRPC routes that succeeded after a retry.'),
      retryLimits: r.counter('outbound_grpc_route_retry_limit_exceeded_total', 'Calls of gRPC routes that failed with every retry used.'),
      retryOverflows: r.counter('outbound_grpc_route_retry_overflow_total', 'Calls of gRPC routes that were not retried because the budget was used up.'),
      backendRequests: r.counter('outbound_grpc_route_backend_requests_total', 'Calls sent to backends of gRPC routes, retries included.'),
      backendSeconds: r.histogram('outbound_grpc_route_backend_response_duration_seconds', 'Time from a call to a backend of a gRPC route to the end of its response.', BACKEND_SECONDS),
      backendFrames: r.histogram('outbound_grpc_route_backend_response_frame_size_bytes', 'Pieces of response bodies of backends of gRPC routes.', FRAME_BYTES),
      backendStatuses: r.counter('outbound_grpc_route_backend_response_statuses_total', 'Completed responses of backends of gRPC routes, by status.'),
    },
    faults: r.counter('outbound_http_faults_injected_total', 'Requests that a fault delayed or failed on purpose.'),
    mirrored: r.counter('outbound_http_mirrored_requests_total', 'Copies of requests sent to a second backend, by how they ended.'),
    tcpOpen: r.counter('outbound_tcp_route_open_total', 'Connections that a route of plain bytes took.'),
    tcpClose: r.counter('outbound_tcp_route_close_total', 'Connections of routes of plain bytes that ended.'),
    tlsOpen: r.counter('outbound_tls_route_open_total', 'Connections of the application\'s own TLS that a route took.'),
    tlsClose: r.counter('outbound_tls_route_close_total', 'Connections of the application\'s own TLS that ended.'),
    policies: r.counter('outbound_policy_updates_total', 'Policies from the control plane; one that could not be followed was rejected, and the last good one stayed in force.'),
  };
}

/** parent_…, route_… or backend_… labels of an object. */
export function metaLabels(prefix: 'parent' | 'route' | 'backend' | 'fault', m: Meta): Labels {
  const labels: Record<string, string> = {
    [`${prefix}_group`]: m.group, [`${prefix}_kind`]: m.kind, [`${prefix}_namespace`]: m.namespace, [`${prefix}_name`]: m.name,
  };
  if (prefix !== 'route' && prefix !== 'fault') {
    labels[`${prefix}_port`] = m.port;
    labels[`${prefix}_section_name`] = m.section;
  }
  return labels;
}
