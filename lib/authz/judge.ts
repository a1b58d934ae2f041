/** Decides who may talk to a port. Proxies and `kubectl mesh authz` both ask here. */
import type { Cidr } from '../cidr.ts';
import type { RequestLike, RequestTest } from './request-match.ts';

/** What is known of a client when it is judged. */
export interface Peer {
  ip: string;
  /** it came over mesh TLS */
  tls: boolean;
  /** '' when it showed no certificate */
  identity: string;
}

export interface JudgedRule {
  action: 'allow' | 'deny' | 'audit';
  /** which requests it is about, any one of them; empty for all, and for bytes that are not looked into */
  requests: readonly RequestTest[];
  permits: (peer: Peer) => boolean;
}

export interface JudgedVerdict<R> {
  allowed: boolean;
  /** what decided; null when nothing permits */
  rule: R | null;
  /** every AUDIT that applies */
  audits: readonly R[];
}

const NONE: readonly never[] = [];

/** The rules that are about one client. A DENY that applies wins over every ALLOW; an AUDIT lets pass and is counted; what nothing permits is denied. */
export class Judge<R extends JudgedRule> {
  private readonly denies: readonly R[];
  private readonly allows: readonly R[];
  private readonly audits: readonly R[];
  /** the answer to every request, when none of the rules looks at requests */
  private readonly fixed: JudgedVerdict<R> | null;

  constructor(rules: readonly R[], peer: Peer) {
    const about = rules.filter((r) => r.permits(peer));
    this.denies = about.filter((r) => r.action === 'deny');
    this.allows = about.filter((r) => r.action === 'allow');
    this.audits = about.filter((r) => r.action === 'audit');
    this.fixed = about.every((r) => r.requests.length === 0) ? this.decide(() => true) : null;
  }

  request(head: RequestLike): JudgedVerdict<R> {
    return this.fixed ?? this.decide((r) => r.requests.length === 0 || r.requests.some((m) => m(head)));
  }

  /** For bytes that are not looked into: an ALLOW or AUDIT with conditions does not apply, and a DENY always does. */
  connection(): JudgedVerdict<R> {
    return this.fixed ?? this.decide((r) => r.action === 'deny' || r.requests.length === 0);
  }

  private decide(applies: (r: R) => boolean): JudgedVerdict<R> {
    const audits = this.audits.length === 0 ? NONE : this.audits.filter(applies);
    const denied = this.denies.find(applies);
    if (denied !== undefined) return { allowed: false, rule: denied, audits };
    const rule = this.allows.find(applies) ?? audits[0] ?? null;
    return { allowed: rule !== null, rule, audits };
  }
}

/** Whether an address is in the network and in none of the exceptions; never, for a network that could not be read. */
export function networkTest(net: Cidr | null, except: readonly (Cidr | null)[]): (ip: string) => boolean {
  return (ip) => net !== null && net.contains(ip) && !except.some((e) => e?.contains(ip) === true);
}

/** Whether an identity is one of `exact`, or ends with one of `suffixes` (labels after the wildcard; none is any identity at all). */
export function identityTest(exact: readonly string[], suffixes: readonly (readonly string[])[]): (peer: Peer) => boolean {
  const names = new Set(exact);
  const ends = suffixes.map((parts) => parts.join('.'));
  return ({ identity }) => identity !== '' && (names.has(identity) || ends.some((s) => s === '' || identity.endsWith(`.${s}`)));
}
