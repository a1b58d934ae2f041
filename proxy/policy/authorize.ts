/** Decides who may talk to a port: linkerd2-proxy-api inbound.proto Authz, compiled once an update. */
import type { Plain } from '../../lib/grpc/wire.ts';
import { parseCidr, type Cidr } from '../../lib/cidr.ts';
import type { Authz, Network } from '../../api/gen/inbound_pb.js';
import { ipText } from '../discover/convert.ts';
import type { RequestHead } from '../message/contract.ts';
import { strictMatch, type Matcher } from './route-match.ts';

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
  action: 'allow' | 'deny' | 'audit';
  /** which requests it is about, any one of them; empty for all, and for bytes that are not looked into */
  requests: readonly Matcher[];
  permits: (peer: Peer) => boolean;
}

export interface Verdict {
  allowed: boolean;
  /** what decided; null when nothing permits */
  rule: Rule | null;
  /** every AUDIT that applies */
  audits: readonly Rule[];
}

const NONE: readonly Rule[] = [];

/** The rules that are about one client. A DENY that applies wins over every ALLOW; an AUDIT lets pass and is counted; what nothing permits is denied. */
export class Judge {
  private readonly denies: readonly Rule[];
  private readonly allows: readonly Rule[];
  private readonly audits: readonly Rule[];
  /** the answer to every request, when none of the rules looks at requests */
  private readonly fixed: Verdict | null;

  constructor(rules: readonly Rule[], peer: Peer) {
    const about = rules.filter((r) => r.permits(peer));
    this.denies = about.filter((r) => r.action === 'deny');
    this.allows = about.filter((r) => r.action === 'allow');
    this.audits = about.filter((r) => r.action === 'audit');
    this.fixed = about.every((r) => r.requests.length === 0) ? this.decide(() => true) : null;
  }

  request(head: RequestHead): Verdict {
    return this.fixed ?? this.decide((r) => r.requests.length === 0 || r.requests.some((m) => m(head)));
  }

  /** For bytes that are not looked into: an ALLOW or AUDIT with conditions does not apply, and a DENY always does. */
  connection(): Verdict {
    return this.fixed ?? this.decide((r) => r.action === 'deny' || r.requests.length === 0);
  }

  private decide(applies: (r: Rule) => boolean): Verdict {
    const audits = this.audits.length === 0 ? NONE : this.audits.filter(applies);
    const denied = this.denies.find(applies);
    if (denied !== undefined) return { allowed: false, rule: denied, audits };
    const rule = this.allows.find(applies) ?? audits[0] ?? null;
    return { allowed: rule !== null, rule, audits };
  }
}

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
  const inCluster = (p: Peer): boolean => clusterNetworks.some((n) => n.contains(p.ip)) || p.ip.startsWith('127.') || p.ip === '::1';
  const rule = (permits: Rule['permits'], action: Rule['action'] = 'allow'): Rule[] => [{ labels: { authz_group: '', authz_kind: 'default', authz_name: policy }, action, requests: [], permits }];
  switch (policy) {
    case 'all-unauthenticated': return rule(() => true);
    case 'audit': return rule(() => true, 'audit');
    case 'all-authenticated': return rule((p) => p.identity !== '');
    case 'cluster-unauthenticated': return rule(inCluster);
    case 'cluster-authenticated': return rule((p) => p.identity !== '' && inCluster(p));
    case 'all-tls-unauthenticated': return rule((p) => p.tls);
    default: return [];
  }
}
