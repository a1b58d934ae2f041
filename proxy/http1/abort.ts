import type { Wire } from '../io/wire.ts';

/**
 * Closes with RST where the transport has one, so that the peer cannot take a cut-off message for a complete one (RFC 9112 8: a body that ends with the
 * connection looks complete after a FIN).
 */
export function abort(wire: Wire): void {
  const socket = wire.socket as typeof wire.socket & { encrypted?: boolean };
  if (socket.encrypted === true || socket.destroyed || socket.connecting) wire.destroy();
  else socket.resetAndDestroy();
}
