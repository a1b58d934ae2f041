/** Decides who may talk to a port: linkerd2-proxy-api inbound.proto Authz, compiled once an update. */
import type { Plain } from '../../lib/grpc/wire.ts';
import { parseCidr, type Cidr } from '../../lib/cidr.ts';
import type { Authz, Network } from '../../api/gen/inbound_pb.js';
import { ipText } from '../discover/convert.ts';

/** What is known of a client when it is judged. */
export interface Peer {
  ip: string;
  /** it came over mesh TLS */
  tls: boolean;
  /** '' when it showed no certificate */
  identity: string;
}

export interface Rule {
  /** metric labels: authz_group, authz_kind, authz_name */
  labels: Record<string, string>;
  permits: (peer: Peer) => boolean;
}

/** The first rule that permits; null denies. */
export function decide(rules: readonly Rule[], peer: Peer): Rule | null {
  for (const r of rules) if (r.permits(peer)) return r;
  return null;
}

export function compileAuthz(a: Plain<Authz>): Rule {
  const networks = a.networks.map(compileNetwork);
  const inNetwork = (ip: string): boolean => networks.some((n) => n(ip));
  const authenticated = compileAuthn(a);
  const meta = a.metadata?.kind;
  const labels = meta?.case === 'resource'
    ? { authz_group: meta.value.group, authz_kind: meta.value.kind, authz_name: meta.value.name }
    : { authz_group: a.labels['group'] ?? '', authz_kind: a.labels['kind'] ?? 'default', authz_name: a.labels['name'] ?? (meta?.case === 'default' ? meta.value : '') };
  return { labels, permits: (peer) => inNetwork(peer.ip) && authenticated(peer) };
}

function compileNetwork(n: Plain<Network>): (ip: string) => boolean {
  const net = cidr(n.net);
  const except = n.except.map(cidr);
  return (ip) => net !== null && net.contains(ip) && !except.some((e) => e?.contains(ip) === true);
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
  const names = new Set(clients.value.identities.map((i) => i.name));
  const suffixes = clients.value.suffixes.map((s) => s.parts.join('.'));
  // An empty suffix is `*`: any identity at all.
  return ({ identity }) => identity !== '' && (names.has(identity) || suffixes.some((s) => s === '' || identity.endsWith(`.${s}`)));
}

/** Linkerd's default policies, for ports that the control plane has said nothing about yet. */
export function defaultRules(policy: string, clusterNetworks: readonly Cidr[]): Rule[] {
  const labels = { authz_group: '', authz_kind: 'default', authz_name: policy };
  const inCluster = (p: Peer): boolean => clusterNetworks.some((n) => n.contains(p.ip)) || p.ip.startsWith('127.') || p.ip === '::1';
  switch (policy) {
    case 'all-unauthenticated': case 'audit': return [{ labels, permits: () => true }];
    case 'all-authenticated': return [{ labels, permits: (p) => p.identity !== '' }];
    case 'cluster-unauthenticated': return [{ labels, permits: inCluster }];
    case 'cluster-authenticated': return [{ labels, permits: (p) => p.identity !== '' && inCluster(p) }];
    case 'all-tls-unauthenticated': return [{ labels, permits: (p) => p.tls }];
    default: return [];
  }
}
