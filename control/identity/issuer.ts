/** The issuer that certificates are signed with, as the cluster has it now. */
import { ANCHORS_CONFIG_MAP, ISSUER_SECRET } from '../../api/names.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { Authority } from '../../lib/pki/authority.ts';
import type { AuthoritySource } from './authority-source.ts';

export interface IssuerOptions {
  source: AuthoritySource;
  clock: Clock;
  log: Log;
  onUpdate: (authority: Authority, anchors: string) => void;
  /** what the cluster has now cannot be used; what was good before stays in use */
  onInvalid: (reason: string) => void;
}

export interface IssuerStore {
  /** a reason in words when it cannot sign */
  usable(): { authority: Authority } | { reason: string };
  stop(): void;
}

/** A pair that is not valid yet becomes so without any object changing. */
const RETRY_MS = 30_000;

export function openIssuer({ source, clock, log, onUpdate, onInvalid }: IssuerOptions): IssuerStore {
  let authority: Authority | null = null;
  let reason = '';
  let retry: Timer | null = null;
  let stopped = false;
  let turn = 0;

  async function load(): Promise<void> {
    const mine = ++turn;
    clock.cancel(retry);
    const { certificate, key, anchors } = source.current();
    try {
      if (certificate === '' || anchors === '') {
        reason = `${certificate === '' ? `Secret ${ISSUER_SECRET} has no issuer` : `ConfigMap ${ANCHORS_CONFIG_MAP} has no trust anchors`} yet`;
        if (!authority) return;
        throw new Error(reason);
      }
      const loaded = await Authority.load({ certificate, key }, anchors, clock.wall());
      if (stopped || mine !== turn) return;
      authority = loaded;
      log.info({ notAfter: new Date(loaded.notAfter).toISOString() }, 'issuer loaded');
      onUpdate(loaded, anchors);
    } catch (err) {
      if (stopped || mine !== turn) return;
      reason = (err as Error).message;
      log.error({ reason }, authority ? 'new issuer refused, the last good one stays' : 'issuer cannot be used');
      onInvalid(reason);
      retry = clock.after(RETRY_MS, () => void load());
    }
  }

  source.onChange(() => void load());
  return {
    usable() {
      if (!authority) return { reason: source.problem() ?? (reason || 'cert issuer not ready yet') };
      if (clock.wall() >= authority.notAfter) return { reason: `the issuer expired at ${new Date(authority.notAfter).toISOString()}` };
      return { authority };
    },
    stop() {
      stopped = true;
      clock.cancel(retry);
    },
  };
}
