import type { Layer } from '../message/contract.ts';
import type { PathChange } from '../policy/outbound/model.ts';
import { withFields } from './headers.ts';

/** Gateway API HTTPURLRewriteFilter; host '' leaves it. `prefix`: the path prefix that the route matched, without a slash at its end. */
export interface RewriteConfig { host: string; path: PathChange | null; prefix: string }

/** Changes where a request says that it goes. */
export function rewrite({ host, path, prefix }: RewriteConfig): Layer {
  return (next) => (head, ended, client) => {
    const copy = withFields(head, head.fields);
    if (host !== '') copy.authority = host;
    // CONNECT and OPTIONS * have no path.
    if (path !== null && copy.path.startsWith('/')) copy.path = changePath(copy.path, path, prefix);
    return next(copy, ended, client);
  };
}

/** The query stays. A slash between the new prefix and the rest is neither lost nor doubled (HTTPPathModifier.replacePrefixMatch). */
export function changePath(target: string, change: PathChange | null, prefix: string): string {
  if (change === null) return target;
  const q = target.indexOf('?');
  const path = q < 0 ? target : target.slice(0, q);
  const query = q < 0 ? '' : target.slice(q);
  if ('full' in change) return absolute(change.full) + query;
  const rest = path.slice(prefix.length);
  const base = change.prefix.endsWith('/') && rest !== '' ? change.prefix.slice(0, -1) : change.prefix;
  return absolute(base + rest) + query;
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
