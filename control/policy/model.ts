/** The part of the model that the plugin and the webhooks share with the control plane; see outbound/model.ts for the rest. */
export type { Authorization, Clients, InboundPolicy, InboundRoute, PathMatch, Reference, RequestMatch, ValueMatch } from '../../lib/authz/model.ts';
