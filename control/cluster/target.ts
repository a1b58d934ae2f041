import { canonicalIp } from './ip.ts';

/** What a proxy asks about: a service by name, one pod of a service by its host name, or an address. */
export type Target =
  | { kind: 'service'; name: string; namespace: string; hostname: string | undefined; port: number }
  | { kind: 'ip'; ip: string; port: number };

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DEFAULT_PORT = 80;

/**
 * Reads the `path` of a destination lookup: `name.ns.svc.DOMAIN`, `host.name.ns.svc.DOMAIN`, `1.2.3.4` or `[fd00::1]`, each with `:port` or
 * port 80 (Linkerd's default). Undefined for all else, names outside the cluster included.
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
  if (labels.length < 2 || labels.length > 3 || !labels.every((label) => LABEL.test(label))) return undefined;
  const [namespace, name, hostname] = labels.toReversed() as [string, string, string | undefined];
  return { kind: 'service', name, namespace, hostname, port };
}

/** The canonical text of a target: equal targets have equal keys, and parseTarget reads it back. */
export function targetKey(target: Target, clusterDomain: string): string {
  if (target.kind === 'ip') return `${target.ip.includes(':') ? `[${target.ip}]` : target.ip}:${target.port}`;
  const host = target.hostname === undefined ? '' : `${target.hostname}.`;
  return `${host}${serviceName(target.name, target.namespace, clusterDomain)}:${target.port}`;
}

/** Fully qualified name of a service. */
export function serviceName(name: string, namespace: string, clusterDomain: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}
