import { canonicalIp } from './ip.ts';

export type Family = 'IPv4' | 'IPv6';

/** What a proxy asks about: a service by name, in a family of addresses if it does not leave that open; one pod of a service by its host name; or an address. */
export type Target =
  | { kind: 'service'; name: string; namespace: string; hostname: string | undefined; family?: Family; port: number }
  | { kind: 'ip'; ip: string; port: number };

export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DEFAULT_PORT = 80;
/** No host has such a name (RFC 1123), and proxies take it for one that DNS could have. */
const FAMILY_LABELS: Record<Family, string> = { IPv4: '_ipv4', IPv6: '_ipv6' };

/**
 * Reads the `path` of a destination lookup: `name.ns.svc.DOMAIN`, `host.name.ns.svc.DOMAIN`, `_ipv6.name.ns.svc.DOMAIN`, `1.2.3.4` or `[fd00::1]`, each
 * with `:port` or port 80 (Linkerd's default). Undefined for all else, names outside the cluster included.
 */
export function parseTarget(path: string, clusterDomain: string): Target | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(path.trim());
  if (!match) return undefined;
  const port = match[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (port < 1 || port > 65_535) return undefined;
  const ip = canonicalIp(match[1] ?? match[2]!);
  if (ip !== undefined) return { kind: 'ip', ip, port };
  if (match[1] !== undefined) return undefined;
  const suffix = `.svc.${clusterDomain.toLowerCase()}`;
  const host = match[2]!.toLowerCase().replace(/\.$/, '');
  if (!host.endsWith(suffix)) return undefined;
  const labels = host.slice(0, -suffix.length).split('.');
  if (labels.length < 2 || labels.length > 3) return undefined;
  const [namespace, name, first] = labels.toReversed() as [string, string, string | undefined];
  const family = FAMILIES.find((one) => FAMILY_LABELS[one] === first);
  const hostname = family === undefined ? first : undefined;
  if (![namespace, name, hostname ?? name].every((label) => LABEL.test(label))) return undefined;
  return { kind: 'service', name, namespace, hostname, ...(family && { family }), port };
}

/** The canonical text of a target: equal targets have equal keys, and parseTarget reads it back. */
export function targetKey(target: Target, clusterDomain: string): string {
  if (target.kind === 'ip') return `${target.ip.includes(':') ? `[${target.ip}]` : target.ip}:${target.port}`;
  const host = target.hostname === undefined ? '' : `${target.hostname}.`;
  return `${host}${servicePath(target, clusterDomain)}`;
}

/** Path of a lookup of a service. */
export function servicePath({ name, namespace, family, port }: { name: string; namespace: string; family?: Family | undefined; port: number }, clusterDomain: string): string {
  return `${family === undefined ? '' : `${FAMILY_LABELS[family]}.`}${serviceName(name, namespace, clusterDomain)}:${port}`;
}

/** Fully qualified name of a service. */
export function serviceName(name: string, namespace: string, clusterDomain: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}
