import type { MeshConfig } from '../../api/config.ts';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, ISSUER_SECRET } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { Authority, createIssuer, createRoot } from '../../lib/pki/authority.ts';
import { decoded } from '../shared/certificates.ts';
import { CliError, messageOf, UsageError } from '../shared/errors.ts';
import { find } from '../shared/installed.ts';
import type { Io } from '../shared/io.ts';
import { KINDS } from '../shared/kinds.ts';
import type { IssuerMaterial } from './manifests/config.ts';
import type { IssuerFiles } from './options.ts';

const ROOT_DAYS = 3650;
const ISSUER_DAYS = 365;

/** A new root and an issuer under it. The root's key is thrown away: nothing is signed with it again, a rotation makes a new root. */
export async function newIssuer(config: MeshConfig, now: number): Promise<IssuerMaterial> {
  const host = `${config.controlNamespace}.${config.trustDomain}`;
  const root = await createRoot({ commonName: `root.identity.${host}`, days: ROOT_DAYS, now });
  const issuer = await createIssuer(root, { commonName: `identity.${host}`, days: ISSUER_DAYS, now });
  return { certificate: issuer.certificate, key: issuer.key, anchors: root.certificate };
}

/** The issuer that an earlier install left in the cluster; undefined when there is none. Replacing it would cut off every proxy that runs. */
export async function existingIssuer(kube: KubeClient, namespace: string, signal?: AbortSignal): Promise<IssuerMaterial | undefined> {
  const secret = await find(kube, KINDS.secrets, { name: ISSUER_SECRET, namespace }, signal);
  if (!secret) return undefined;
  const [certificate, key] = [decoded(secret, 'tls.crt'), decoded(secret, 'tls.key')];
  const anchors = (await find(kube, KINDS.configmaps, { name: ANCHORS_CONFIG_MAP, namespace }, signal))?.data?.[ANCHORS_KEY];
  if (!certificate || !key || !anchors) {
    throw new CliError(
      `Secret ${ISSUER_SECRET} in namespace ${namespace} exists, but ${anchors ? 'has no tls.crt or tls.key' : `ConfigMap ${ANCHORS_CONFIG_MAP} with its trust anchors is gone`}. `
      + `Restore it, or have a new authority made by deleting the Secret: kubectl delete secret -n ${namespace} ${ISSUER_SECRET}`);
  }
  return { certificate, key, anchors };
}

/** The user's own issuer, checked: the key fits, it is a CA, and a trust anchor vouches for it. */
export async function issuerFromFiles(io: Io, files: IssuerFiles): Promise<IssuerMaterial> {
  const [certificate, key, anchors] = await Promise.all([files.certificate, files.key, files.anchors].map((path) => readPem(io, path)));
  const material = { certificate: certificate!, key: key!, anchors: anchors! };
  try {
    await Authority.load(material, material.anchors, io.now());
  } catch (error) {
    throw new UsageError(`The certificates you gave cannot be used: ${messageOf(error)}.`, { cause: error });
  }
  return material;
}

async function readPem(io: Io, path: string): Promise<string> {
  try {
    return await io.files.read(path);
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}
