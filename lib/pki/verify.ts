import type { X509Certificate } from 'node:crypto';

/** Milliseconds since the epoch. */
export const notBefore = (c: X509Certificate): number => c.validFromDate.getTime();
export const notAfter = (c: X509Certificate): number => c.validToDate.getTime();

function signedBy(child: X509Certificate, parent: X509Certificate): boolean {
  return parent.ca && child.checkIssued(parent) && child.verify(parent.publicKey);
}

/**
 * The path from `chain[0]` up to one of `anchors`, both included, through any of the rest of `chain`; an anchor that is itself chain[0] is a path of one. Null when there is none, or when every
 * path has a certificate that is not valid at `now`. A self-signed certificate is trusted only when it is among the anchors.
 */
export function pathToAnchor(chain: readonly X509Certificate[], anchors: readonly X509Certificate[], now: number): X509Certificate[] | null {
  const valid = (c: X509Certificate): boolean => notBefore(c) <= now && now <= notAfter(c);
  const walk = (path: X509Certificate[]): X509Certificate[] | null => {
    const last = path.at(-1)!;
    if (!valid(last)) return null;
    if (anchors.some((a) => a.raw.equals(last.raw))) return path;
    for (const anchor of anchors) if (signedBy(last, anchor) && valid(anchor)) return [...path, anchor];
    for (const next of chain) {
      if (path.includes(next) || !signedBy(last, next)) continue;
      const found = walk([...path, next]);
      if (found) return found;
    }
    return null;
  };
  return chain.length === 0 ? null : walk([chain[0]!]);
}
