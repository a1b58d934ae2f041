import { Authority, createIssuer, createRoot, type PemPair } from '../../../lib/pki/authority.ts';
import { generateKeys, keyPem } from '../../../lib/pki/keys.ts';
import { toPem } from '../../../lib/pki/pem.ts';
import type { Credentials } from '../credentials.ts';
import { CredentialsHolder } from '../holder.ts';

export interface TestMesh {
  root: PemPair;
  issuer: PemPair;
  authority: Authority;
  credentials(name: string, uri?: string): Promise<Credentials>;
  /** a ready identity; `set` replaces its credentials */
  identity(name: string): Promise<CredentialsHolder>;
}

/** A certificate authority of its own with whatever leaves a test needs. */
export async function testMesh(now = Date.now()): Promise<TestMesh> {
  const root = await createRoot({ commonName: 'root.test', days: 10, now });
  const issuer = await createIssuer(root, { commonName: 'issuer.test', days: 5, now });
  const authority = await Authority.load(issuer, root.certificate, now);
  const credentials = async (name: string, uri?: string): Promise<Credentials> => {
    const { privateKey: key, publicKey } = generateKeys();
    const leaf = await authority.issue({ publicKey, dnsNames: [name], ...(uri !== undefined && { uris: [uri] }), lifetimeSeconds: 3600, skewSeconds: 20, now });
    return { key, keyPem: keyPem(key), chain: [leaf.der, ...authority.intermediates].map(toPem).join(''), anchors: root.certificate, name, notAfter: leaf.notAfter };
  };
  return {
    root, issuer, authority, credentials,
    async identity(name) {
      const holder = new CredentialsHolder(() => undefined);
      holder.set(await credentials(name));
      return holder;
    },
  };
}

/** Resolves when `condition` holds; looks again on every turn of the event loop. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => { setTimeout(resolve, 5); });
}
