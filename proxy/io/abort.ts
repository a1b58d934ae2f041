import type { Socket } from 'node:net';
import { resetOnClose } from '../tcp/options.ts';

/**
 * Ends a connection with RST where the transport has one, so that the peer cannot take what it got for complete (RFC 9112 8: a body that ends with the
 * connection looks complete after a FIN).
 */
export function abort(socket: Socket): void {
  const s = socket as Socket & { encrypted?: boolean };
  if (s.destroyed || s.connecting) {
    s.destroy();
  } else if (s.encrypted === true) {
    resetOnClose(s);
    s.destroy();
  } else {
    s.resetAndDestroy();
  }
}
