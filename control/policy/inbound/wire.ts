import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { Authz_Action, ServerSchema } from '../../../api/gen/inbound_pb.js';
import type { AuthnSchema, AuthzSchema, HttpLocalRateLimitSchema, HttpRouteSchema, Server } from '../../../api/gen/inbound_pb.js';
import type { IPNetworkSchema } from '../../../api/gen/net_pb.js';
import { ipMessage } from '../../cluster/ip.ts';
import type { Authorization, Clients, InboundPolicy, InboundRoute, Reference } from '../model.ts';
import { duration, metadata, once, requestMatch } from '../wire.ts';

/** The message of a port's policy. A stock proxy refuses every request when `labels` has no name or the protocol no timeout. */
export const serverMessage = once((policy: InboundPolicy): Server => create(ServerSchema, {
  protocol: {
    kind: policy.protocol === 'opaque'
      ? { case: 'opaque', value: {} }
      : { case: 'detect', value: { timeout: duration(policy.detectTimeoutMs), httpRoutes: policy.routes.map(httpRoute), ...(policy.rateLimit && { httpLocalRateLimit: rateLimit(policy.rateLimit) }) } },
  },
  authorizations: policy.authorizations.map(authz),
  labels: labels(policy.reference),
}));

/** Set by annotations of the pod or its namespace. */
function rateLimit({ total, perClient }: NonNullable<InboundPolicy['rateLimit']>): MessageInitShape<typeof HttpLocalRateLimitSchema> {
  return {
    metadata: metadata({ kind: 'default', name: 'rate-limit' }),
    ...(total !== undefined && { total: { requestsPerSecond: total } }),
    ...(perClient !== undefined && { identity: { requestsPerSecond: perClient } }),
  };
}

function httpRoute(route: InboundRoute): MessageInitShape<typeof HttpRouteSchema> {
  return { metadata: metadata(route.reference), authorizations: route.authorizations.map(authz), rules: [{ matches: route.matches.map(requestMatch) }] };
}

const ACTIONS = { allow: Authz_Action.ALLOW, deny: Authz_Action.DENY, audit: Authz_Action.AUDIT } as const;

function authz({ reference, networks, except = [], clients, action = 'allow', requests = [] }: Authorization): MessageInitShape<typeof AuthzSchema> {
  const holes = except.map(network);
  return {
    networks: networks.map((cidr) => ({ net: network(cidr), except: holes })),
    authentication: authn(clients),
    labels: labels(reference),
    metadata: metadata(reference),
    action: ACTIONS[action],
    requests: requests.map(requestMatch),
  };
}

/** The older form of metadata: all three keys, or a proxy guesses. */
function labels(reference: Reference): Record<string, string> {
  if (reference.kind === 'default') return { group: '', kind: 'default', name: reference.name };
  return { group: reference.group, kind: reference.type.toLowerCase(), name: reference.name };
}

function network(cidr: string): MessageInitShape<typeof IPNetworkSchema> {
  const [ip = '', prefix] = cidr.split('/');
  return { ip: ipMessage(ip), prefixLen: prefix === undefined ? (ip.includes(':') ? 128 : 32) : Number(prefix) };
}

function authn(clients: Clients): MessageInitShape<typeof AuthnSchema> {
  switch (clients.kind) {
    case 'anybody':
      return { permit: { case: 'unauthenticated', value: {} } };
    case 'any-tls':
      return { permit: { case: 'meshTLS', value: { clients: { case: 'unauthenticated', value: {} } } } };
    case 'identities': {
      const identities = clients.exact.map((name) => ({ name }));
      const suffixes = clients.suffixes.map((parts) => ({ parts }));
      return { permit: { case: 'meshTLS', value: { clients: { case: 'identities', value: { identities, suffixes } } } } };
    }
  }
}
