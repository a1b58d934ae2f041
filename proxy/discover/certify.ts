import { generateKeyPairSync } from 'node:crypto';
import { createCsr } from '../../lib/pki/csr.ts';
import type { Timer } from '../../lib/clock.ts';
import type { ProxyEnv } from '../env.ts';
import type { Log } from '../log.ts';
import type { Credentials } from '../mesh-tls/credentials.ts';
import { Backoff } from './backoff.ts';
import { unary } from './grpc.ts';
import { CERTIFY } from './methods.ts';
import type { Channel } from './watch.ts';

/** Share of a leaf's lifetime after which it is renewed, as Linkerd. */
const RENEW_AT = 0.7;
const TIMEOUT_MS = 10_000;
const MIN_RENEW_MS = 2_000;
const MAX_RENEW_MS = 24 * 3600_000;
/** Every proxy learns of new trust anchors within the same minute or two; their renewals are spread over this. */
const SPREAD_MS = 120_000;

export interface CertifyStats { refreshes: number; refreshedAt: number; notAfter: number }

/**
 * Gets the first leaf and then new ones, for ever. A failure is retried with backoff and never costs the leaf in use: the proxy
 * goes on serving with it.
 */
export class Certifier {
  readonly stats: CertifyStats = { refreshes: 0, refreshedAt: 0, notAfter: 0 };
  private readonly channel: Channel;
  private readonly env: ProxyEnv['identity'];
  private readonly credentials: Credentials;
  private readonly readToken: () => Promise<Uint8Array>;
  private readonly log: Log;
  private readonly backoff: Backoff;
  private stopped = false;
  /** the next renewal; null while one is under way or tried again */
  private next: { timer: Timer; at: number } | null = null;
  /** called once, with the first leaf in use */
  onFirst: () => void = () => {};

  constructor(channel: Channel, env: ProxyEnv['identity'], credentials: Credentials, readToken: () => Promise<Uint8Array>, log: Log) {
    this.channel = channel;
    this.env = env;
    this.credentials = credentials;
    this.readToken = readToken;
    this.log = log;
    this.backoff = new Backoff(channel.clock, channel.random, 200, 30_000);
  }

  start(): void {
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    this.channel.clock.cancel(this.next?.timer);
    this.backoff.stop();
  }

  /**
   * The trust anchors changed, so a rotation is under way: a leaf that was given for longer than leaves are given now would hold it up. Brings the next
   * renewal forward.
   */
  renewSoon(): void {
    const { clock, random } = this.channel;
    const wait = SPREAD_MS * random();
    if (this.next === null || this.next.at - clock.now() <= wait) return;
    clock.cancel(this.next.timer);
    this.schedule(wait);
  }

  private schedule(ms: number): void {
    const { clock } = this.channel;
    this.next = { at: clock.now() + ms, timer: clock.after(ms, () => void this.run()) };
  }

  private async run(): Promise<void> {
    this.next = null;
    if (this.stopped) return;
    try {
      const lifetime = await this.renew();
      this.backoff.reset();
      const wait = Math.min(MAX_RENEW_MS, Math.max(MIN_RENEW_MS, lifetime * RENEW_AT));
      // Pods of one rollout would otherwise all come back at the same moment.
      if (!this.stopped) this.schedule(wait * (0.95 + 0.1 * this.channel.random()));
    } catch (e) {
      this.log.warn('no certificate from mesh-identity; trying again', { error: (e as Error).message });
      this.backoff.schedule(() => void this.run());
    }
  }

  /** One exchange; resolves with the leaf's remaining lifetime in milliseconds. */
  private async renew(): Promise<number> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const answer = await unary(this.channel, CERTIFY, {
      identity: this.env.name,
      token: await this.readToken(),
      certificateSigningRequest: createCsr(privateKey, this.env.name, this.env.spiffe === '' ? undefined : this.env.spiffe),
    }, TIMEOUT_MS);
    const notAfter = Number(answer.validUntil?.seconds ?? 0n) * 1000;
    this.credentials.setLeaf({
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      chain: [answer.leafCertificate, ...answer.intermediateCertificates].map(pem).join(''),
      notAfter,
    });
    this.stats.refreshes++;
    this.stats.refreshedAt = this.channel.clock.wall();
    this.stats.notAfter = notAfter;
    this.log.info('certified', { identity: this.env.name, until: new Date(notAfter).toISOString() });
    if (this.stats.refreshes === 1) this.onFirst();
    return notAfter - this.channel.clock.wall();
  }
}

export function pem(der: Uint8Array): string {
  const text = Buffer.from(der).toString('base64').replace(/(.{64})/g, '$1\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
}
