/** The issuer that certificates are signed with, as the mounted Secret has it now. */
import { join } from 'node:path';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { Authority } from '../../lib/pki/authority.ts';
import { readTexts, watchTexts, type Contents } from '../serve/files.ts';

export interface IssuerOptions {
  /** folder with tls.crt and tls.key */
  dir: string;
  anchorsFile: string;
  clock: Clock;
  log: Log;
  onUpdate(authority: Authority, anchors: string): void;
  /** the files as they are now cannot be used; what was good before stays in use */
  onInvalid(reason: string): void;
}

export interface IssuerStore {
  /** null until there has been a good one; a reason in words when it cannot sign */
  usable(): { authority: Authority } | { reason: string };
  /** PEM that goes with the authority; '' until there is one */
  anchors(): string;
  stop(): void;
}

/** A pair that is not valid yet becomes so without any file changing. */
const RETRY_MS = 30_000;

/** Reads once before it resolves, then follows the files. */
export async function openIssuer(options: IssuerOptions): Promise<IssuerStore> {
  const { clock, log } = options;
  const paths = [join(options.dir, 'tls.crt'), join(options.dir, 'tls.key'), options.anchorsFile];
  let authority: Authority | null = null;
  let anchors = '';
  let reason = 'cert issuer not ready yet';
  let retry: Timer | null = null;
  let stopped = false;
  let turn = 0;

  async function load(contents: Contents): Promise<void> {
    const mine = ++turn;
    clock.cancel(retry);
    try {
      const missing = paths.filter((_, i) => contents[i] === null);
      if (missing.length > 0) throw new Error(`cannot read ${missing.join(', ')}; is Secret mesh-identity-issuer (or ConfigMap mesh-trust-anchors) there and mounted?`);
      const [certificate, key, bundle] = contents as readonly [string, string, string];
      const loaded = await Authority.load({ certificate, key }, bundle, clock.wall());
      if (stopped || mine !== turn) return;
      authority = loaded;
      anchors = bundle;
      log.info({ notAfter: new Date(loaded.notAfter).toISOString() }, 'issuer loaded');
      options.onUpdate(loaded, bundle);
    } catch (err) {
      if (stopped || mine !== turn) return;
      reason = (err as Error).message;
      log.error({ reason }, authority ? 'new issuer refused, the last good one stays' : 'issuer cannot be used');
      options.onInvalid(reason);
      retry = clock.after(RETRY_MS, () => void load(contents));
    }
  }

  const first = await readTexts(paths);
  await load(first);
  const watch = watchTexts(paths, first, clock, (contents) => void load(contents));
  return {
    usable() {
      if (!authority) return { reason };
      if (clock.wall() >= authority.notAfter) return { reason: `the issuer expired at ${new Date(authority.notAfter).toISOString()}` };
      return { authority };
    },
    anchors: () => anchors,
    stop() {
      stopped = true;
      clock.cancel(retry);
      watch.stop();
    },
  };
}
