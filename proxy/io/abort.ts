import type { Socket } from 'node:net';

/**
 * Ends a connection with RST where the transport has one, so that the peer cannot take what it got for complete (RFC 9112 8: a body that ends with the
 * connection looks complete after a FIN).
 */
export function abort(socket: Socket): void {
  const s = socket as Socket & { encrypted?: boolean };
  if (s.encrypted === true || s.destroyed || s.connecting) s.destroy();
  else s.resetAndDestroy();
}
