import { parseDuration } from '../duration.ts';
import type { SessionPersistence } from '../kube/gateway-api.ts';
import type { SessionAffinity } from './model.ts';
import type { Reader } from './read.ts';

/** Name of the cookie when nobody chose one. */
export const DEFAULT_COOKIE = 'kubectl-mesh-session';
/** Name of the header when nobody chose one. */
export const DEFAULT_HEADER = 'x-session-id';
/** RFC 9110 token: names of headers and cookies. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** From `header:NAME` or `cookie:NAME`, with the cookie's path and age. */
export function readAffinity(reader: Reader): SessionAffinity | undefined {
  const key = reader.read('session-affinity', 'header:NAME, cookie:NAME or cookie', (text) => {
    const [kind, name = DEFAULT_COOKIE, ...more] = text.split(':').map((part) => part.trim());
    if (more.length > 0 || !TOKEN.test(name) || (kind === 'header' && !text.includes(':'))) return undefined;
    return kind === 'header' || kind === 'cookie' ? { kind, name } : undefined;
  });
  const path = reader.read('session-affinity-path', 'a path that begins with /', (text) => (/^\/[^;\s]*$/.test(text) ? text : undefined));
  const ttlMs = reader.duration('session-affinity-ttl', { positive: true });
  if (key === undefined) return undefined;
  if (key.kind === 'header') return { kind: 'header', name: key.name.toLowerCase() };
  return { kind: 'cookie', name: key.name, path: path ?? '/', ...(ttlMs !== undefined && { ttlMs }) };
}

/** From the Gateway API; `problem` hears of what cannot be used. */
export function affinityOf(given: SessionPersistence, problem: (field: string, message: string) => void): SessionAffinity | undefined {
  const { sessionName, type = 'Cookie', absoluteTimeout, cookieConfig } = given;
  if (sessionName !== undefined && !TOKEN.test(sessionName)) {
    problem('sessionName', `"${sessionName}" is no name of a header or cookie`);
    return undefined;
  }
  if (type === 'Header') return { kind: 'header', name: (sessionName ?? DEFAULT_HEADER).toLowerCase() };
  if (type !== 'Cookie') {
    problem('type', `"${type}" is neither Cookie nor Header`);
    return undefined;
  }
  const ttlMs = absoluteTimeout === undefined ? undefined : parseDuration(absoluteTimeout);
  if (absoluteTimeout !== undefined && ttlMs === undefined) problem('absoluteTimeout', `"${absoluteTimeout}" is no duration`);
  const permanent = cookieConfig?.lifetimeType === 'Permanent';
  return { kind: 'cookie', name: sessionName ?? DEFAULT_COOKIE, path: '/', ...(permanent && ttlMs !== undefined && { ttlMs }) };
}
