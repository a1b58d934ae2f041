import * as t from '../../api/gen/tables.ts';
import type { Method } from './grpc.ts';

type Of<T> = T extends import('../../lib/grpc/wire.ts').Table<infer M> ? M : never;
const method = <Req, Res>(path: string, request: import('../../lib/grpc/wire.ts').Table<Req>, response: import('../../lib/grpc/wire.ts').Table<Res>): Method<Req, Res> =>
  ({ path, request, response });

/** The calls that a proxy makes (linkerd2-proxy-api). */
export const CERTIFY = method('/io.linkerd.proxy.identity.Identity/Certify', t.identity_CertifyRequest, t.identity_CertifyResponse);
export const DESTINATION_GET = method('/io.linkerd.proxy.destination.Destination/Get', t.destination_GetDestination, t.destination_Update);
export const DESTINATION_PROFILE = method('/io.linkerd.proxy.destination.Destination/GetProfile', t.destination_GetDestination, t.destination_DestinationProfile);
export const OUTBOUND_WATCH = method('/io.linkerd.proxy.outbound.OutboundPolicies/Watch', t.outbound_TrafficSpec, t.outbound_OutboundPolicy);
export const INBOUND_WATCH = method('/io.linkerd.proxy.inbound.InboundServerPolicies/WatchPort', t.inbound_PortSpec, t.inbound_Server);

export type OutboundPolicy = Of<typeof t.outbound_OutboundPolicy>;
export type Server = Of<typeof t.inbound_Server>;
