import { isIP, isIPv4 } from 'node:net';
import type { V1EnvVar } from '@kubernetes/client-node';
import { parseDuration } from '../../lib/duration.ts';

/**
 * Parsers of annotation values. Each returns the value, or null when the text is not of its shape;
 * the caller names the annotation and the default that is used instead.
 */

const MAX_PORT = 65535;

/** A port or uid: decimal digits without a sign. */
export function parseInteger(text: string, min: number, max: number): number | null {
  if (!/^\d{1,10}$/.test(text.trim())) return null;
  const n = Number(text.trim());
  return n >= min && n <= max ? n : null;
}

export function parsePort(text: string): number | null {
  return parseInteger(text, 1, MAX_PORT);
}

/**
 * `25,100-200,mysql` -> ['25', '100-200', '3306']: ports, ranges and, where `named` knows them, names of container ports.
 * An empty text is an empty list (it switches a default list off).
 */
export function parsePortList(text: string, named: ReadonlyMap<string, number> = new Map()): string[] | null {
  const out: string[] = [];
  for (const part of text.split(',').map((p) => p.trim())) {
    if (part === '') continue;
    const range = /^(\d+)\s*-\s*(\d+)$/.exec(part);
    if (range) {
      const low = parsePort(range[1]!);
      const high = parsePort(range[2]!);
      if (low === null || high === null || low > high) return null;
      out.push(low === high ? String(low) : `${low}-${high}`);
      continue;
    }
    const port = parsePort(part) ?? named.get(part) ?? null;
    if (port === null) return null;
    out.push(String(port));
  }
  return [...new Set(out)];
}

/** Comma-separated CIDRs, IPv4 or IPv6; a bare address is a host route. */
export function parseSubnets(text: string): string[] | null {
  const out: string[] = [];
  for (const part of text.split(',').map((p) => p.trim())) {
    if (part === '') continue;
    const [address = '', bits, ...rest] = part.split('/');
    if (!isIP(address) || rest.length > 0) return null;
    const width = isIPv4(address) ? 32 : 128;
    const prefix = bits === undefined ? width : parseInteger(bits, 0, width);
    if (prefix === null) return null;
    out.push(`${address}/${prefix}`);
  }
  return out;
}

/** A duration such as 300ms or 2m; whole milliseconds. */
export function parseDurationMs(text: string): number | null {
  const ms = parseDuration(text.trim());
  return ms === undefined ? null : Math.round(ms);
}

/** Shape of a Kubernetes quantity that makes sense for cpu and memory: non-negative, decimal or binary suffix, or an exponent. */
export function parseQuantity(text: string): string | null {
  return /^(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,3})?$/.test(text.trim()) ? text.trim() : null;
}

/** As booleans are written in Linkerd's annotations, or plainly. */
export function parseSwitch(text: string): boolean | null {
  const word = text.trim();
  if (word === 'enabled' || word === 'true') return true;
  return word === 'disabled' || word === 'false' ? false : null;
}

/** A DNS name. */
export function parseHost(text: string): string | null {
  return /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(text.trim()) ? text.trim() : null;
}

/** A DNS name or IPv4 address with a port. */
export function parseHostPort(text: string): string | null {
  const [host = '', port = '', ...more] = text.trim().split(':');
  return more.length === 0 && parseHost(host) !== null && parsePort(port) !== null ? `${host}:${port}` : null;
}

/** A token of RFC 9110. */
export function parseToken(text: string): string | null {
  return /^[\w!#$%&'*+.^`|~-]{1,64}$/.test(text.trim()) ? text.trim() : null;
}

/** Variables of a container as a JSON list: each with a name and either a value or a valueFrom, which the API server judges. */
export function parseEnvironment(text: string): V1EnvVar[] | null {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return null;
  }
  return Array.isArray(list) && list.every(isVariable) ? list : null;
}

function isVariable(v: unknown): v is V1EnvVar {
  if (typeof v !== 'object' || v === null) return false;
  const { name, value, valueFrom, ...rest } = v as Record<string, unknown>;
  if (typeof name !== 'string' || !/^[A-Za-z_]\w*$/.test(name) || Object.keys(rest).length > 0) return false;
  return valueFrom === undefined ? typeof value === 'string' : value === undefined && typeof valueFrom === 'object' && valueFrom !== null;
}

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LEVELS)[number];

/**
 * One of our levels, or a filter as Linkerd's proxy takes it (`warn,linkerd=info`): there the directive for `linkerd` decides,
 * else the one without a target. `trace` is debug here and `off` is error.
 */
export function parseLogLevel(text: string): LogLevel | null {
  const directives = text.split(',').map((d) => d.trim().toLowerCase());
  const own = directives.find((d) => d.startsWith('linkerd='))?.slice('linkerd='.length);
  const level = own ?? directives.find((d) => !d.includes('='));
  if (level === 'trace') return 'debug';
  if (level === 'off') return 'error';
  return LEVELS.find((l) => l === level) ?? null;
}
