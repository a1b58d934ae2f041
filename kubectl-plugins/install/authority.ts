/** Whose authority the mesh has, and what of a given one goes into the cluster. */
import type { MeshConfig } from '../../api/config.ts';
import { ANCHORS_CONFIG_MAP, IDENTITY_STATUS_CONFIG_MAP, ISSUER_SECRET, ROOT_SECRET } from '../../api/names.ts';
import { Authority } from '../../lib/pki/authority.ts';
import { parseCertificates } from '../../lib/pki/pem.ts';
import { CliError, messageOf, UsageError } from '../shared/errors.ts';
import { EXIT } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { nameOf } from '../shared/kinds.ts';
import type { Inventory } from './inventory.ts';
import type { GivenAuthority } from './manifests/config.ts';
import type { Manifest } from './manifests/object.ts';
import type { AuthorityFiles } from './options.ts';

const OWNED_BY_IDENTITY = new Set([ANCHORS_CONFIG_MAP, IDENTITY_STATUS_CONFIG_MAP, ISSUER_SECRET, ROOT_SECRET]);

/** The user's own certificates, checked: the key fits, it is a CA, and a trust anchor vouches for it. */
export async function readAuthority(io: Io, files: AuthorityFiles): Promise<GivenAuthority> {
  const anchors = files.anchors === undefined ? undefined : await readPem(io, files.anchors);
  const issuer = files.issuer && { certificate: await readPem(io, files.issuer.certificate), key: await readPem(io, files.issuer.key) };
  try {
    if (issuer) await Authority.load(issuer, anchors!, io.now());
    else if (anchors !== undefined) parseCertificates(anchors, files.anchors!);
  } catch (error) {
    throw new UsageError(`The certificates you gave cannot be used: ${messageOf(error)}.`, { cause: error });
  }
  return { issuer, anchors };
}

async function readPem(io: Io, path: string): Promise<string> {
  try {
    return await io.files.read(path);
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}

/** The configuration with the authority that the cluster has: an install over another changes no trust. Throws CliError where the flags would. */
export function keepingAuthority(config: MeshConfig, files: AuthorityFiles | undefined, { authority }: Inventory): MeshConfig {
  if (authority === undefined) return config;
  if (files?.issuer || files?.anchors !== undefined) {
    throw new CliError('The cluster has a certificate authority already, which --identity-issuer-certificate-file and its like would replace under running pods. '
      + 'Leave these flags out to keep it; to change it, follow docs/identity.md: new anchors first, then the issuer.', EXIT.failed);
  }
  // Asked for explicitly: mesh-identity stops rotating, and what is there stays until its new owner changes it.
  return files ? config : { ...config, identity: { ...config.identity, authority } };
}

/** Objects to apply: what holds keys and anchors is made once and from then on mesh-identity's, or its owner's. */
export function applicable(objects: readonly Manifest[], { present }: Inventory): Manifest[] {
  return objects.filter((o) => !(OWNED_BY_IDENTITY.has(o.metadata.name) && present.has(nameOf(o))));
}
