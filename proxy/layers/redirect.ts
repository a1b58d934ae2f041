import { ResponseHead, type Layer, type RequestHead } from '../message/contract.ts';
import type { PathChange } from '../policy/outbound/model.ts';
import { answeredEarly } from '../respond.ts';
import { changePath } from './rewrite.ts';

/** Gateway API HTTPRequestRedirectFilter; '' and 0 are what the request has. */
export interface RedirectConfig {
  scheme: string;
  host: string;
  port: number;
  status: number;
  path: PathChange | null;
  /** the path prefix that the route matched, without a slash at its end */
  prefix: string;
}

const WELL_KNOWN: Record<string, string> = { http: '80', https: '443' };

/** Answers with where to ask instead. */
export function redirect(config: RedirectConfig): Layer {
  return () => (head, ended, client) => {
    client.head(new ResponseHead(config.status, ['location', locationOf(head, config)], 0));
    client.end(null);
    return answeredEarly(ended, client);
  };
}

/**
 * The port is, in this order, the one configured, the well-known one of a configured scheme, and the one that the request was sent to; the well-known
 * port of the scheme is left out of the text (HTTPRequestRedirectFilter.port).
 */
export function locationOf(head: RequestHead, config: RedirectConfig): string {
  const scheme = config.scheme || head.scheme;
  const [host, own] = splitAuthority(head.authority);
  const wellKnown = WELL_KNOWN[scheme] ?? '';
  let port = own;
  if (config.port > 0) port = String(config.port);
  else if (config.scheme !== '' && wellKnown !== '') port = wellKnown;
  const at = port === '' || port === wellKnown ? '' : `:${port}`;
  return `${scheme}://${config.host || host}${at}${changePath(head.path, config.path, config.prefix)}`;
}

/** Host with the brackets of an IPv6 address, and port or ''. */
function splitAuthority(authority: string): [string, string] {
  const colon = authority.lastIndexOf(':');
  return colon > authority.lastIndexOf(']') ? [authority.slice(0, colon), authority.slice(colon + 1)] : [authority, ''];
}
