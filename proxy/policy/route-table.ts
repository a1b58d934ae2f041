/**
 * Finds the rule that a request belongs to, among those of all routes of a destination, by the precedence of Gateway API (HTTPRouteSpec.hostnames,
 * HTTPRouteRule.matches; GRPCRouteRule.matches): the most specific host name, then an exact path, a regular expression, the longest prefix, then a method, the
 * most header matches, the most query matches, then the order in which the control plane sent them.
 */
import type { RequestHead } from '../message/contract.ts';
import { pathOf, takes, type Matcher, type PathTest } from './route-match.ts';
import type { HostMatch } from './outbound/model.ts';

export interface Entry<R> {
  /** null: any */
  host: HostMatch | null;
  path: PathTest;
  /** everything else that has to hold */
  tests: readonly Matcher[];
  /** [has a method, header matches, query matches] */
  weights: readonly [number, number, number];
  rule: R;
}

/** One entry with what the table gives for it. */
interface Slot<T> { path: PathTest; tests: readonly Matcher[]; value: T }

/** The entries of one host, most specific first, those with exact paths apart. */
class Group<T> {
  private readonly exact = new Map<string, Slot<T>[]>();
  private readonly others: Slot<T>[] = [];

  add(slot: Slot<T>): void {
    if (slot.path.kind !== 'exact') {
      this.others.push(slot);
      return;
    }
    const list = this.exact.get(slot.path.value);
    if (list === undefined) this.exact.set(slot.path.value, [slot]);
    else list.push(slot);
  }

  find(head: RequestHead, path: string): Slot<T> | null {
    if (this.exact.size > 0) {
      const list = this.exact.get(path);
      if (list !== undefined) for (const s of list) if (holds(s.tests, head)) return s;
    }
    for (const s of this.others) if (takes(s.path, path) && holds(s.tests, head)) return s;
    return null;
  }
}

function holds(tests: readonly Matcher[], head: RequestHead): boolean {
  for (const t of tests) if (!t(head)) return false;
  return true;
}

/** Longer than this is no host name (RFC 1035 2.3.4). */
const MAX_HOST = 254;

export class RouteTable<T> {
  /** the one value that takes every request; then nothing is looked at */
  readonly only: T | null;
  private readonly anyHost = new Group<T>();
  private readonly hosts = new Map<string, Group<T>>();
  /** by the part behind *. */
  private readonly suffixes = new Map<string, Group<T>>();

  /** `value` is called once for each entry. */
  constructor(entries: readonly Entry<unknown>[], value: (index: number) => T) {
    const order = entries.map((_, i) => i).toSorted((a, b) => byPrecedence(entries[a]!, entries[b]!) || a - b);
    const first = order.length === 1 ? entries[0]! : null;
    this.only = first !== null && first.host === null && first.tests.length === 0 && first.path.kind === 'prefix' && first.path.value === '' ? value(0) : null;
    if (this.only !== null) return;
    for (const i of order) {
      const { host, path, tests } = entries[i]!;
      this.group(host).add({ path, tests, value: value(i) });
    }
  }

  private group(host: HostMatch | null): Group<T> {
    if (host === null) return this.anyHost;
    const map = host.suffix ? this.suffixes : this.hosts;
    let g = map.get(host.name);
    if (g === undefined) map.set(host.name, g = new Group());
    return g;
  }

  /** null: no rule takes the request. */
  find(head: RequestHead): T | null {
    if (this.only !== null) return this.only;
    const path = pathOf(head);
    let found: Slot<T> | null = null;
    if (this.hosts.size > 0 || this.suffixes.size > 0) found = this.byHost(head, path);
    found ??= this.anyHost.find(head, path);
    return found === null ? null : found.value;
  }

  private byHost(head: RequestHead, path: string): Slot<T> | null {
    const host = hostOf(head.authority);
    if (host.length > MAX_HOST) return null;
    const found = this.hosts.get(host)?.find(head, path) ?? null;
    if (found !== null || this.suffixes.size === 0) return found;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const slot = this.suffixes.get(host.slice(dot + 1))?.find(head, path) ?? null;
      if (slot !== null) return slot;
    }
    return null;
  }
}

/** Host of an authority, lower case, without port and without the dot of a fully qualified name. */
export function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(':');
  const end = colon > authority.lastIndexOf(']') ? colon : authority.length;
  const host = authority.slice(0, authority.charCodeAt(end - 1) === DOT ? end - 1 : end);
  return host.toLowerCase();
}

const DOT = 46;

/** Negative when `a` goes before `b`. Hosts are told apart by the table's groups, so only the rest counts. */
function byPrecedence(a: Entry<unknown>, b: Entry<unknown>): number {
  return pathRank(b.path) - pathRank(a.path) || pathLength(b.path) - pathLength(a.path)
    || b.weights[0] - a.weights[0] || b.weights[1] - a.weights[1] || b.weights[2] - a.weights[2];
}

function pathRank(p: PathTest): number {
  return p.kind === 'exact' ? 2 : p.kind === 'test' ? 1 : 0;
}

function pathLength(p: PathTest): number {
  return p.kind === 'test' ? p.weight : p.value.length;
}
