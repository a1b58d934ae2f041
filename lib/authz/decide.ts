/** What becomes of one request, or of a connection that is not looked into, at one port: as the proxy of the server decides it. */
import { parseCidr } from '../cidr.ts';
import { identityTest, Judge, networkTest } from './judge.ts';
import type { JudgedRule, Peer } from './judge.ts';
import type { Authorization, InboundPolicy, Reference } from './model.ts';
import { requestTest } from './request-match.ts';
import type { RequestLike } from './request-match.ts';

export interface Decision {
  allowed: boolean;
  /** what decided; null when nothing permits */
  by: { reference: Reference; action: 'allow' | 'deny' | 'audit' } | null;
  /** what it is counted for, whatever decided */
  audits: Reference[];
  /** the port's bytes are not looked into, so that methods and paths are not known */
  opaque: boolean;
}

interface Rule extends JudgedRule { reference: Reference }

/**
 * `request` undefined: a connection whose bytes are not looked into; so is everything at an opaque port. The routes of a policy are in order of
 * precedence, and one that has authorizations of its own (that of the probes) is under no other.
 */
export function decide(policy: InboundPolicy, peer: Peer, request: RequestLike | undefined): Decision {
  const opaque = policy.protocol === 'opaque';
  if (opaque || request === undefined) return decisionOf(new Judge(policy.authorizations.map(ruleOf), peer).connection(), opaque);
  const route = policy.routes.find((one) => one.matches.some((match) => requestTest(match)(request)));
  const authorizations = route && route.authorizations.length > 0 ? route.authorizations : policy.authorizations;
  return decisionOf(new Judge(authorizations.map(ruleOf), peer).request(request), opaque);
}

function decisionOf({ allowed, rule, audits }: ReturnType<Judge<Rule>['request']>, opaque: boolean): Decision {
  return { allowed, by: rule && { reference: rule.reference, action: rule.action }, audits: audits.map((one) => one.reference), opaque };
}

function ruleOf({ reference, networks, except = [], clients, action = 'allow', requests = [] }: Authorization): Rule {
  const holes = except.map(parseCidr);
  const places = networks.map((text) => networkTest(parseCidr(text), holes));
  const who = clients.kind === 'anybody' ? () => true : clients.kind === 'any-tls' ? (peer: Peer) => peer.tls : identityTest(clients.exact, clients.suffixes);
  return { reference, action, requests: requests.map(requestTest), permits: (peer) => places.some((within) => within(peer.ip)) && who(peer) };
}
