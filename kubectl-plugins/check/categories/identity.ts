import { createPrivateKey, type X509Certificate } from 'node:crypto';
import type { IdentityStatus } from '../../../api/identity-status.ts';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, DEFAULT_CONTROL_NAMESPACE, ISSUER_SECRET } from '../../../api/names.ts';
import { parseCertificates } from '../../../lib/pki/pem.ts';
import { pathToAnchor } from '../../../lib/pki/verify.ts';
import { decoded, invalidAt, isoDate, isSupported, subjectOf } from '../../shared/certificates.ts';
import { messageOf } from '../../shared/errors.ts';
import { identityStatus } from '../../shared/identity-status.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Category, type CheckContext } from '../types.ts';

/** How long before its end a certificate that somebody has to replace by hand is worth a warning, at most. */
const SOON_MS = 60 * 86_400_000;
/** What rotates by itself, in the mesh or in cert-manager, is replaced at two thirds of its life: with less than a quarter left, it was not. */
const LATE_SHARE = 1 / 4;
const MINUTE_MS = 60_000;
/** The kubelet brings a bundle within about 90 s. */
const PATIENCE_MS = 10 * MINUTE_MS;
const namespace = DEFAULT_CONTROL_NAMESPACE;

export const identity: Category = {
  name: 'identity',
  checks: [
    {
      description: 'certificates of the mesh can be read',
      hint: 'identity-config',
      fatal: true,
      retry: true,
      test: async (c) => {
        await Promise.all([anchors(c), issuer(c)]);
      },
    },
    {
      description: 'certificates use ECDSA on P-256 or P-384',
      hint: 'identity-algorithm',
      test: async (c) => {
        const other = [...(await anchors(c)), ...(await issuer(c)).chain].find((certificate) => !isSupported(certificate));
        if (other) throw new CheckFailure(`the certificate ${subjectOf(other)} has a key of type ${other.publicKey.asymmetricKeyType}`);
      },
    },
    {
      description: 'trust anchors are within their validity period',
      hint: 'identity-anchors-valid',
      test: async (c) => allValid(await anchors(c), c.io.now()),
    },
    {
      description: 'trust anchors are replaced in time',
      hint: 'identity-anchors-expiring',
      warning: true,
      test: async (c) => inTime(c, await status(c), await anchors(c)),
    },
    {
      description: 'issuer certificate is within its validity period',
      hint: 'identity-issuer-valid',
      test: async (c) => allValid((await issuer(c)).chain, c.io.now()),
    },
    {
      description: 'issuer certificate is replaced in time',
      hint: 'identity-issuer-expiring',
      warning: true,
      test: async (c) => inTime(c, await status(c), (await issuer(c)).chain.slice(0, 1)),
    },
    {
      description: 'issuer certificate is issued by a trust anchor',
      hint: 'identity-issuer-chain',
      test: async (c) => {
        const { chain } = await issuer(c);
        if (!pathToAnchor(chain, await anchors(c), c.io.now())) throw new CheckFailure(`no valid trust anchor vouches for ${subjectOf(chain[0]!)}`);
      },
    },
    {
      description: 'issuer key belongs to the issuer certificate',
      hint: 'identity-issuer-chain',
      test: async (c) => {
        const { chain, key } = await issuer(c);
        if (!chain[0]!.checkPrivateKey(createPrivateKey(key))) throw new CheckFailure(`the key in Secret ${ISSUER_SECRET} is of another certificate`);
      },
    },
    {
      description: 'no rotation is stuck',
      hint: 'identity-rotation',
      warning: true,
      test: async (c) => notStuck(await status(c), c.io.now()),
    },
  ],
};

/** Trust anchors in the control namespace. */
export function anchors(c: CheckContext): Promise<X509Certificate[]> {
  return c.once('anchors', async () => {
    const map = await c.kube().get(KINDS.configmaps, ANCHORS_CONFIG_MAP, namespace, c.io.signal);
    return certificatesIn(map.data?.[ANCHORS_KEY] ?? '', `${ANCHORS_KEY} of ConfigMap ${ANCHORS_CONFIG_MAP}`);
  });
}

function issuer(c: CheckContext): Promise<{ chain: X509Certificate[]; key: string }> {
  return c.once('issuer', async () => {
    const secret = await c.kube().get(KINDS.secrets, ISSUER_SECRET, namespace, c.io.signal);
    return { chain: certificatesIn(decoded(secret, 'tls.crt'), `tls.crt of Secret ${ISSUER_SECRET}`), key: decoded(secret, 'tls.key') };
  });
}

/** What mesh-identity says; undefined when it has said nothing. */
function status(c: CheckContext): Promise<IdentityStatus | undefined> {
  return c.once('identity-status', async () => {
    const found = await identityStatus(c.kube(), c.io.signal);
    return typeof found === 'string' ? undefined : found;
  });
}

function certificatesIn(pem: string, where: string): X509Certificate[] {
  try {
    return parseCertificates(pem, where);
  } catch (error) {
    throw new CheckFailure(messageOf(error));
  }
}

/** Throws for the first certificate that is not valid at `now`. */
function allValid(certificates: readonly X509Certificate[], now: number): void {
  for (const certificate of certificates) {
    const reason = invalidAt(certificate, now);
    if (reason) throw new CheckFailure(`${subjectOf(certificate)} ${reason}`);
  }
}

/** Throws for the first certificate whose replacement is late; one that is not valid already is left to the check before. */
function inTime({ io }: CheckContext, status: IdentityStatus | undefined, certificates: readonly X509Certificate[]): void {
  const now = io.now();
  const byItself = new Set([...(status?.authority === 'automatic' ? status.anchors.filter((a) => a.role === 'active') : []), ...(status?.authority === 'automatic' && status.issuer ? [status.issuer] : [])].map((one) => one.fingerprint));
  for (const certificate of certificates) {
    if (invalidAt(certificate, now)) throw new CheckFailure(`${subjectOf(certificate)} ${invalidAt(certificate, now)}`);
    const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
    const rotated = byItself.has(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
    // A retiring anchor goes before it ends, or is of no use any more when it does.
    if (!rotated && status?.anchors.some((a) => a.role === 'retiring' && certificate.fingerprint256.replaceAll(':', '').toLowerCase() === a.fingerprint)) continue;
    const late = (to - from) * LATE_SHARE;
    if (to - now < (rotated ? late : Math.min(late, SOON_MS))) {
      throw new CheckFailure(`${subjectOf(certificate)} expires on ${isoDate(certificate.validToDate)}${rotated ? ', and should have been replaced at two thirds of its life' : ''}`);
    }
  }
}

function notStuck(status: IdentityStatus | undefined, now: number): void {
  if (!status) throw new CheckFailure('mesh-identity has not said how it is');
  if (status.error !== undefined) throw new CheckFailure(status.error);
  if (status.phase === 'Distributing' && status.waitingFor && now - Date.parse(status.since ?? '') > PATIENCE_MS) {
    const { count, pods } = status.waitingFor;
    throw new CheckFailure(`the rotation of the trust anchor waits for ${count} ${count === 1 ? 'proxy' : 'proxies'} since ${status.since}: ${pods.join('; ')}`);
  }
  if (status.next && now - Date.parse(status.next.at) > PATIENCE_MS) throw new CheckFailure(`"${status.next.what}" was due at ${status.next.at}`);
}
