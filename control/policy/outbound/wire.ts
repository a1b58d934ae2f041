import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { OutboundPolicySchema } from '../../../api/gen/outbound_pb.js';
import type { BackendSchema, HttpRouteSchema, OpaqueRouteSchema, OutboundPolicy as Message, ProxyProtocolSchema } from '../../../api/gen/outbound_pb.js';
import type { Backend, OutboundPolicy, OutboundRoute } from '../model.ts';
import { duration, metadata, once, requestMatch } from '../wire.ts';

/** Linkerd's values: requests that may wait for a backend, how long, and what its balancer assumes and forgets. */
const QUEUE = { capacity: 100, failfastTimeout: duration(3000) };
const PEAK_EWMA = { defaultRtt: duration(30), decay: duration(10_000) };

/**
 * The message of a service's policy. A stock proxy answers 500 to everything when the top-level metadata, the opaque part of Detect, a backend's
 * queue or the namespace of a resource is missing.
 */
export const outboundMessage = once((policy: OutboundPolicy): Message => create(OutboundPolicySchema, {
  metadata: metadata(policy.reference),
  protocol: { kind: protocol(policy) },
}));

function protocol(policy: OutboundPolicy): NonNullable<MessageInitShape<typeof ProxyProtocolSchema>['kind']> {
  const opaque = { routes: policy.opaqueRoutes.map(opaqueRoute) };
  const http = { routes: policy.httpRoutes.map(httpRoute) };
  switch (policy.protocol) {
    case 'detect':
      return { case: 'detect', value: { timeout: duration(policy.detectTimeoutMs), opaque, http1: http, http2: http } };
    case 'opaque':
      return { case: 'opaque', value: opaque };
    default:
      return { case: policy.protocol, value: http };
  }
}

function httpRoute(route: OutboundRoute): MessageInitShape<typeof HttpRouteSchema> {
  return {
    metadata: metadata(route.reference),
    rules: [{ matches: route.matches.map(requestMatch), backends: { kind: { case: 'firstAvailable', value: { backends: route.backends.map((one) => ({ backend: backend(one) })) } } } }],
  };
}

function opaqueRoute(route: OutboundRoute): MessageInitShape<typeof OpaqueRouteSchema> {
  return {
    metadata: metadata(route.reference),
    rules: [{ backends: { kind: { case: 'firstAvailable', value: { backends: route.backends.map((one) => ({ backend: backend(one) })) } } } }],
  };
}

function backend({ reference, destination }: Backend): MessageInitShape<typeof BackendSchema> {
  return {
    metadata: metadata(reference),
    queue: QUEUE,
    kind: {
      case: 'balancer',
      value: { discovery: { kind: { case: 'dst', value: { path: destination } } }, load: { case: 'peakEwma', value: PEAK_EWMA } },
    },
  };
}
