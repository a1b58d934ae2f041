import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { OutboundPolicySchema } from '../../../../api/gen/outbound_pb.js';
import type { OutboundPolicy as Message, ProxyProtocolSchema } from '../../../../api/gen/outbound_pb.js';
import { duration, metadata, once } from '../../wire.ts';
import type { OutboundPolicy } from '../model.ts';
import { failureAccrual } from './retry.ts';
import { grpcRoute, httpRoute, opaqueRoute, tlsRoute } from './routes.ts';

/**
 * The message of a service's policy. A stock proxy answers 500 to everything when the top-level metadata, the opaque part of Detect, a backend's
 * queue or the namespace of a resource is missing.
 */
export const outboundMessage = once((policy: OutboundPolicy): Message => create(OutboundPolicySchema, {
  metadata: metadata(policy.reference),
  protocol: { kind: protocol(policy) },
}));

function protocol({ protocol, breaker }: OutboundPolicy): NonNullable<MessageInitShape<typeof ProxyProtocolSchema>['kind']> {
  const accrual = breaker && { failureAccrual: failureAccrual(breaker) };
  switch (protocol.kind) {
    case 'detect': {
      const http = { routes: protocol.http.map(httpRoute), ...accrual };
      return { case: 'detect', value: { timeout: duration(protocol.timeoutMs), opaque: { routes: protocol.opaque.map(opaqueRoute) }, http1: http, http2: http } };
    }
    case 'http1':
    case 'http2':
      return { case: protocol.kind, value: { routes: protocol.http.map(httpRoute), ...accrual } };
    case 'grpc':
      return { case: 'grpc', value: { routes: protocol.grpc.map(grpcRoute), ...accrual } };
    case 'tls':
      return { case: 'tls', value: { routes: protocol.routes.map(tlsRoute) } };
    case 'opaque':
      return { case: 'opaque', value: { routes: protocol.routes.map(opaqueRoute) } };
  }
}
