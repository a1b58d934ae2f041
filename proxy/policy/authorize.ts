/** Decides who may talk to a port: linkerd2-proxy-api inbound.proto Authz, compiled once an update. */
import type { Plain } from '../../lib/grpc/wire.ts';
import { parseCidr, type Cidr } from '../../lib/cidr.ts';
import { identityTest, Judge, networkTest, type JudgedRule, type JudgedVerdict, type Peer } from '../../lib/authz/judge.ts';
import type { Authz, Network } from '../../api/gen/inbound_pb.js';
import { ipText } from '../discover/convert.ts';
import { strictMatch } from './route-match.ts';

export { Judge };
export type { Peer };

export interface Rule extends JudgedRule {
  /** metric labels: authz_group, authz_kind, authz_name */
  labels: Record<string, string>;
}

export type Verdict = JudgedVerdict<Rule>;

/** By the numbers of Authz.Action. */
const ACTIONS = ['allow', 'deny', 'audit'] as const;

/** Throws BadPattern: a rule that cannot be followed must not be left out, since it may be a DENY. */
export function compileAuthz(a: Plain<Authz>): Rule {
  const networks = a.networks.map(compileNetwork);
  const inNetwork = (ip: string): boolean => networks.some((n) => n(ip));
  const authenticated = compileAuthn(a);
  const meta = a.metadata?.kind;
  const labels = meta?.case === 'resource'
    ? { authz_group: meta.value.group, authz_kind: meta.value.kind, authz_name: meta.value.name }
    : { authz_group: a.labels['group'] ?? '', authz_kind: a.labels['kind'] ?? 'default', authz_name: a.labels['name'] ?? (meta?.case === 'default' ? meta.value : '') };
  return { labels, action: ACTIONS[a.action] ?? 'allow', requests: a.requests.map(strictMatch), permits: (peer) => inNetwork(peer.ip) && authenticated(peer) };
}

function compileNetwork(n: Plain<Network>): (ip: string) => boolean {
  return networkTest(cidr(n.net), n.except.map(cidr));
}

function cidr(n: Plain<Network>['net']): Cidr | null {
  return n === undefined ? null : parseCidr(`${ipText(n.ip)}/${n.prefixLen}`);
}

function compileAuthn(a: Plain<Authz>): (peer: Peer) => boolean {
  const permit = a.authentication?.permit;
  if (permit?.case === 'unauthenticated') return () => true;
  if (permit?.case !== 'meshTLS') return () => false;
  const clients = permit.value.clients;
  if (clients.case === 'unauthenticated') return (peer) => peer.tls;
  if (clients.case !== 'identities') return () => false;
  return identityTest(clients.value.identities.map((i) => i.name), clients.value.suffixes.map((s) => s.parts));
}

/** Linkerd's default policies, for ports that the control plane has said nothing about yet. */
export function defaultRules(policy: string, clusterNetworks: readonly Cidr[]): Rule[] {
  const inCluster = (p: Peer): boolean => clusterNetworks.some((n) => n.contains(p.ip)) || p.ip.startsWith('127.') || p.ip === '::1';
  const rule = (permits: Rule['permits'], action: Rule['action'] = 'allow'): Rule[] => [{ labels: { authz_group: '', authz_kind: 'default', authz_name: policy }, action, requests: [], permits }];
  switch (policy) {
    case 'all-unauthenticated': return rule(() => true);
    case 'audit': return rule(() => true, 'audit');
    case 'all-authenticated': return rule((p) => p.identity !== '');
    case 'cluster-unauthenticated': return rule(inCluster);
    case 'cluster-authenticated': return rule((p) => p.identity !== '' && inCluster(p));
    case 'all-tls-unauthenticated': return rule((p) => p.tls);
    case 'cluster-tls-unauthenticated': return rule((p) => p.tls && inCluster(p));
    default: return [];
  }
}
