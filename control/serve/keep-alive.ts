import type { Http2Session } from 'node:http2';
import type { Clock, Timer } from '../../lib/clock.ts';

export const PING_EVERY_MS = 30_000;
export const PING_TIMEOUT_MS = 15_000;

/**
 * PINGs the peer while the session lives and destroys it when an answer is overdue, so that a watch whose proxy vanished without a
 * FIN (node lost, NAT entry gone) frees its resources.
 */
export function keepAlive(session: Http2Session, clock: Clock): void {
  let timer: Timer | null = null;
  const wait = (): void => {
    timer = clock.after(PING_EVERY_MS, ping);
  };
  const ping = (): void => {
    if (session.closed || session.destroyed) return;
    timer = clock.after(PING_TIMEOUT_MS, () => session.destroy());
    session.ping((error) => {
      clock.cancel(timer);
      if (error === null) wait();
    });
  };
  session.once('close', () => clock.cancel(timer));
  wait();
}
