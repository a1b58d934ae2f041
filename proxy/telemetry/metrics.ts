import { createRouteMetrics, type RouteMetrics } from './route-metrics.ts';
import { LATENCY_BUCKETS_MS, Registry, type CounterFamily, type HistogramFamily } from './registry.ts';

/** What layers/measure.ts counts in. */
export interface RequestMetrics {
  registry: Registry;
  requests: CounterFamily;
  responses: CounterFamily;
  latency: HistogramFamily;
}

/** Every metric of the proxy, by Linkerd's names (so that existing dashboards and alerts keep working). */
export interface Metrics extends RequestMetrics {
  /** calls to the control plane, by addr */
  control: RequestMetrics;
  controlDns: CounterFamily;
  tcpOpenTotal: CounterFamily;
  tcpOpen: CounterFamily;
  tcpClose: CounterFamily;
  tcpRead: CounterFamily;
  tcpWrite: CounterFamily;
  tcpErrors: { inbound: CounterFamily; outbound: CounterFamily };
  httpErrors: { inbound: CounterFamily; outbound: CounterFamily };
  httpAllow: CounterFamily;
  httpDeny: CounterFamily;
  tcpAllow: CounterFamily;
  tcpDeny: CounterFamily;
  tcpAudit: CounterFamily;
  tcpTerminate: CounterFamily;
  httpAudit: CounterFamily;
  inboundNoRoute: CounterFamily;
  rateLimited: CounterFamily;
  inboundBadPolicies: CounterFamily;
  rejected: CounterFamily;
  detect: CounterFamily;
  detectSeconds: HistogramFamily;
  retries: CounterFamily;
  bugs: CounterFamily;
  /** of outbound routes */
  routes: RouteMetrics;
}

/** Seconds. */
const DETECT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 10];

export function createMetrics(registry = new Registry()): Metrics {
  const r = registry;
  return {
    registry,
    requests: r.counter('request_total', 'Total count of HTTP requests.'),
    responses: r.counter('response_total', 'Total count of HTTP responses.'),
    latency: r.histogram('response_latency_ms', 'Time from a request head to its response head, in milliseconds.', LATENCY_BUCKETS_MS),
    tcpOpenTotal: r.counter('tcp_open_total', 'Total count of opened connections.'),
    tcpOpen: r.gauge('tcp_open_connections', 'Number of currently open connections.'),
    tcpClose: r.counter('tcp_close_total', 'Total count of closed connections.'),
    tcpRead: r.counter('tcp_read_bytes_total', 'Total count of bytes read from peers.'),
    tcpWrite: r.counter('tcp_write_bytes_total', 'Total count of bytes written to peers.'),
    tcpErrors: {
      inbound: r.counter('inbound_tcp_errors_total', 'Inbound connections that ended in an error of the proxy.'),
      outbound: r.counter('outbound_tcp_errors_total', 'Outbound connections that ended in an error of the proxy.'),
    },
    httpErrors: {
      inbound: r.counter('inbound_http_errors_total', 'Inbound requests that the proxy answered with an error of its own.'),
      outbound: r.counter('outbound_http_errors_total', 'Outbound requests that the proxy answered with an error of its own.'),
    },
    httpAllow: r.counter('inbound_http_authz_allow_total', 'Inbound requests that policy allowed.'),
    httpDeny: r.counter('inbound_http_authz_deny_total', 'Inbound requests that policy denied.'),
    tcpAllow: r.counter('inbound_tcp_authz_allow_total', 'Inbound connections that policy allowed.'),
    tcpDeny: r.counter('inbound_tcp_authz_deny_total', 'Inbound connections that policy denied.'),
    tcpAudit: r.counter('inbound_tcp_authz_audit_total', 'Inbound connections that an audit rule is about.'),
    tcpTerminate: r.counter('inbound_tcp_authz_terminate_total', 'Inbound connections closed because a new policy denies them.'),
    httpAudit: r.counter('inbound_http_authz_audit_total', 'Inbound requests that an audit rule is about.'),
    inboundNoRoute: r.counter('inbound_http_route_not_found_total', 'Inbound requests that no route of the port takes.'),
    inboundBadPolicies: r.counter('inbound_policies_rejected_total', 'Policies of ports that could not be followed; the last good one stays in force.'),
    rateLimited: r.counter('inbound_http_local_ratelimit_total', 'Inbound requests beyond a rate limit of the port.'),
    rejected: r.counter('proxy_rejected_total', 'Messages and connections that a parser or a limit rejected, by reason.'),
    detect: r.counter('tcp_detect_http_results_total', 'Outcomes of protocol detection.'),
    detectSeconds: r.histogram('tcp_detect_http_duration_seconds', 'Time from a connection to the outcome of protocol detection, in seconds.', DETECT_BUCKETS),
    control: {
      registry,
      requests: r.counter('control_request_total', 'Calls to the control plane.'),
      responses: r.counter('control_response_total', 'Ends of calls to the control plane.'),
      latency: r.histogram('control_response_latency_ms', 'Time from a call to the control plane to its response head, in milliseconds.', LATENCY_BUCKETS_MS),
    },
    controlDns: r.counter('control_dns_resolutions_total', 'Lookups of addresses of the control plane.'),
    retries: r.counter('outbound_http_refused_retries_total', 'Requests sent to another endpoint because the first refused them unprocessed.'),
    bugs: r.counter('proxy_defects_total', 'Exceptions that the proxy did not expect; each is in the log.'),
    routes: createRouteMetrics(r),
  };
}
