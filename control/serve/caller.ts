import { createContextKey, type ContextValues, type HandlerContext } from '@connectrpc/connect';

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

const key = createContextKey<Caller>(NOBODY, { description: 'verified peer of the connection' });

export function setCaller(values: ContextValues, caller: Caller): ContextValues {
  return values.set(key, caller);
}

/**
 * For handlers. Stock proxies open their control-plane connections before they have a certificate and keep using them, so '' is
 * not by itself a reason to refuse discovery.
 */
export function callerOf(context: HandlerContext): Caller {
  return context.values.get(key);
}
