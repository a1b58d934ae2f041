import type { X509Certificate } from 'node:crypto';

export interface Names {
  dns: string[];
  uri: string[];
  /** names of other types: IP, email, … */
  other: string[];
}

/**
 * Subject alternative names from the text that node:crypto and node:tls give (`DNS:a, URI:b`). Values with separators in them come as JSON
 * strings there, so that no name can pose as two (CVE-2021-44532).
 */
export function parseSubjectAltName(text: string | undefined): Names {
  const names: Names = { dns: [], uri: [], other: [] };
  for (const [, type, quoted, bare] of (text ?? '').matchAll(/([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/g)) {
    const value = quoted === undefined ? bare! : (JSON.parse(quoted) as string);
    if (type === 'DNS') names.dns.push(value);
    else if (type === 'URI') names.uri.push(value);
    else names.other.push(`${type}:${value}`);
  }
  return names;
}

/** The mesh identity in a certificate: its first DNS SAN, else its first URI SAN, else ''. */
export function identityOf(certificate: X509Certificate): string {
  const names = parseSubjectAltName(certificate.subjectAltName);
  return names.dns[0] ?? names.uri[0] ?? '';
}
