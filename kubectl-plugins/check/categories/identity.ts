import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, DEFAULT_CONTROL_NAMESPACE, ISSUER_SECRET } from '../../../api/names.ts';
import { parseCertificates } from '../../../lib/pki/pem.ts';
import { pathToAnchor } from '../../../lib/pki/verify.ts';
import { decoded, invalidAt, isoDate, isSupported, subjectOf } from '../../shared/certificates.ts';
import { messageOf } from '../../shared/errors.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Category, type CheckContext } from '../types.ts';

const SOON_MS = 60 * 86_400_000;
const namespace = DEFAULT_CONTROL_NAMESPACE;

export const identity: Category = {
  name: 'identity',
  checks: [
    {
      description: 'certificates of the mesh can be read',
      hint: 'identity-config',
      fatal: true,
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
      description: 'trust anchors are valid for at least 60 days',
      hint: 'identity-anchors-expiring',
      warning: true,
      test: async (c) => allValid(await anchors(c), c.io.now() + SOON_MS, c.io.now()),
    },
    {
      description: 'issuer certificate is within its validity period',
      hint: 'identity-issuer-valid',
      test: async (c) => allValid((await issuer(c)).chain, c.io.now()),
    },
    {
      description: 'issuer certificate is valid for at least 60 days',
      hint: 'identity-issuer-expiring',
      warning: true,
      test: async (c) => allValid((await issuer(c)).chain, c.io.now() + SOON_MS, c.io.now()),
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

function certificatesIn(pem: string, where: string): X509Certificate[] {
  try {
    return parseCertificates(pem, where);
  } catch (error) {
    throw new CheckFailure(messageOf(error));
  }
}

/** Throws for the first certificate that is not valid at `at`; one that is not valid `now` already is left to the check before. */
function allValid(certificates: readonly X509Certificate[], at: number, now?: number): void {
  for (const certificate of certificates) {
    const reason = invalidAt(certificate, at);
    if (!reason) continue;
    if (now !== undefined && !invalidAt(certificate, now)) throw new CheckFailure(`${subjectOf(certificate)} expires on ${isoDate(certificate.validToDate)}`);
    throw new CheckFailure(`${subjectOf(certificate)} ${invalidAt(certificate, now ?? at) ?? reason}`);
  }
}
