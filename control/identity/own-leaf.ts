import { generateKeys, keyPem } from '../../lib/pki/keys.ts';
import { toPem } from '../../lib/pki/pem.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Authority } from '../../lib/pki/authority.ts';
import type { Log } from '../../lib/log.ts';
import type { MeshIdentity } from '../serve/credentials.ts';
import { CredentialsHolder } from '../serve/holder.ts';
import { renewAfter } from '../serve/renewal.ts';

export interface OwnLeafOptions {
  name: string;
  uri: string;
  lifetimeSeconds: number;
  skewSeconds: number;
  clock: Clock;
  log: Log;
}

/** The identity service's own certificate, which it signs itself: anew with every authority, and before the last one ends. */
export class OwnLeaf extends CredentialsHolder implements MeshIdentity {
  readonly #options: OwnLeafOptions;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: OwnLeafOptions) {
    super(() => undefined);
    this.#options = options;
  }

  async issueBy(authority: Authority, anchors: string): Promise<void> {
    const { name, uri, clock, log, lifetimeSeconds, skewSeconds } = this.#options;
    clock.cancel(this.#timer);
    const { privateKey: key, publicKey } = generateKeys();
    const leaf = await authority.issue({ publicKey, dnsNames: [name], uris: [uri], lifetimeSeconds, skewSeconds, now: clock.wall() });
    if (this.#stopped) return;
    const chain = [leaf.der, ...authority.intermediates].map(toPem).join('');
    this.set({ key, keyPem: keyPem(key), chain, anchors, name, notAfter: leaf.notAfter });
    this.#timer = clock.after(renewAfter(clock.wall(), leaf.notAfter, 0), () => {
      this.issueBy(authority, anchors).catch((err: unknown) => log.error({ err }, 'own certificate not renewed'));
    });
  }

  override stop(): void {
    this.#stopped = true;
    this.#options.clock.cancel(this.#timer);
  }
}
