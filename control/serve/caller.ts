/** Who is at the other end of a connection. */
export interface Caller {
  /** first DNS SAN of the client certificate, verified against the trust anchors; '' when the client showed none */
  identity: string;
  /** first URI SAN of it, or '' */
  spiffe: string;
  /** IP address */
  remoteAddress: string;
}

export const NOBODY: Caller = { identity: '', spiffe: '', remoteAddress: '' };

/**
 * For handlers. Stock proxies open their control-plane connections before they have a certificate and keep using them, so '' is
 * not by itself a reason to refuse discovery.
 */
export function callerOf(context: { readonly caller: Caller }): Caller {
  return context.caller;
}
