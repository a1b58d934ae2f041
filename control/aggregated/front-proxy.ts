import type { ConfigMap } from '../../lib/kube/types.ts';

/** Who the API server says is calling. */
export interface User { name: string; groups: string[]; extra: Record<string, string[]>; uid: string | undefined }

/** How to tell the API server from anybody else, and where it writes the user's name. */
export interface FrontProxy {
  /** PEM of the authorities that sign its client certificate */
  ca: string;
  /** common names it may have; empty: any that the authority signed */
  allowedNames: string[];
  usernameHeaders: string[];
  groupHeaders: string[];
  extraPrefixes: string[];
  uidHeaders: string[];
}

/** ConfigMap with this configuration, which every API server with aggregation keeps. */
export const FRONT_PROXY_CONFIG = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;
const AUTHENTICATED = 'system:authenticated';
const UNAUTHENTICATED = 'system:unauthenticated';

function list(text: string | undefined): string[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : [];
  } catch {
    return [];
  }
}

/** Null when the API server is not set up for aggregation: then nobody can be believed. */
export function readFrontProxy({ data }: ConfigMap): FrontProxy | null {
  const ca = data?.['requestheader-client-ca-file'] ?? '';
  const usernameHeaders = list(data?.['requestheader-username-headers']);
  if (!ca.includes('-----BEGIN CERTIFICATE-----') || usernameHeaders.length === 0) return null;
  return {
    ca,
    usernameHeaders,
    allowedNames: list(data?.['requestheader-allowed-names']),
    groupHeaders: list(data?.['requestheader-group-headers']),
    extraPrefixes: list(data?.['requestheader-extra-headers-prefix']).map((p) => p.toLowerCase()),
    uidHeaders: list(data?.['requestheader-uid-headers']),
  };
}

/**
 * The user of a request whose client certificate was verified against `proxy.ca` and has the common name `commonName`; null when it may not
 * speak for users or names none. Every authenticated user is in the group that Kubernetes gives them all, as in its own API servers.
 *
 * @param headers with repeated headers apart, as IncomingMessage.headersDistinct gives them
 */
export function userOf(proxy: FrontProxy, commonName: string, headers: NodeJS.Dict<string[]>): User | null {
  if (proxy.allowedNames.length > 0 && !proxy.allowedNames.includes(commonName)) return null;
  const first = (names: string[]): string | undefined => names.flatMap((n) => headers[n.toLowerCase()] ?? []).find((v) => v !== '');
  const name = first(proxy.usernameHeaders);
  if (name === undefined) return null;
  const groups = proxy.groupHeaders.flatMap((h) => headers[h.toLowerCase()] ?? []).filter((g) => g !== '');
  const anonymous = name === 'system:anonymous' || groups.includes(UNAUTHENTICATED);
  if (!anonymous && !groups.includes(AUTHENTICATED)) groups.push(AUTHENTICATED);
  const extra: Record<string, string[]> = {};
  for (const [header, values] of Object.entries(headers)) {
    const prefix = proxy.extraPrefixes.find((p) => header.startsWith(p) && header.length > p.length);
    if (prefix !== undefined && values !== undefined) extra[decode(header.slice(prefix.length))] = values;
  }
  return { name, groups, extra, uid: first(proxy.uidHeaders) };
}

/** Keys of extra fields are percent-encoded where a header name cannot carry them. */
function decode(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

