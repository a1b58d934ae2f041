import type { MeshConfig } from '../../../api/config.ts';
import { createIssuer, createRoot, crossSign, type PemPair } from '../../../lib/pki/authority.ts';
import { parseCertificates } from '../../../lib/pki/pem.ts';
import { notAfter } from '../../../lib/pki/verify.ts';
import type { Root } from './facts.ts';

type Names = Pick<MeshConfig, 'controlNamespace' | 'trustDomain' | 'identity'>;

const DAY_SECONDS = 86_400;
const hostOf = ({ controlNamespace, trustDomain }: Names): string => `${controlNamespace}.${trustDomain}`;
/** "20261123T152043Z" */
const unitAt = (now: number): string => new Date(now).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '');

/** A root, and its name and key vouched for by `before`, while that can. */
export async function makeRoot(config: Names, before: Root | null, now: number): Promise<{ pair: PemPair; cross: string }> {
  const days = config.identity.anchorLifetimeSeconds / DAY_SECONDS;
  const pair = await createRoot({ commonName: `root.identity.${hostOf(config)}`, unit: unitAt(now), days, now });
  const cross = before && now < notAfter(before.certificate) ? await crossSign(pair.certificate, before.pair, now) : '';
  return { pair, cross };
}

/** An issuer under `root`; its chain goes on with the cross-certificate for those who still trust the root before. */
export async function makeIssuer(config: Names, root: Root, now: number): Promise<PemPair> {
  const days = config.identity.issuerLifetimeSeconds / DAY_SECONDS;
  const pair = await createIssuer(root.pair, { commonName: `identity.${hostOf(config)}`, unit: unitAt(now), days, now });
  const cross = root.cross !== '' && now < notAfter(parseCertificates(root.cross, 'the cross-certificate')[0]!) ? root.cross : '';
  return { certificate: pair.certificate + cross, key: pair.key };
}
