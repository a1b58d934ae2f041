import type { IdentityStatus } from '../../api/identity-status.ts';
import { parseIdentity } from '../../api/names.ts';
import { formatDuration } from '../../lib/duration.ts';
import { table } from '../shared/table.ts';
import type { ProxyIdentity } from './proxies.ts';

const SHORT = 12;
const DAY_MS = 86_400_000;

/** "2027-11-23T15:20:43Z (in 364d)" */
function when(iso: string, now: number): string {
  const ms = Date.parse(iso) - now;
  if (Number.isNaN(ms)) return '-';
  const rough = Math.abs(ms) >= 2 * DAY_MS ? `${Math.floor(Math.abs(ms) / DAY_MS)}d` : formatDuration(Math.max(1000, Math.floor(Math.abs(ms) / 1000) * 1000)).replace(/(?<=h\d+m)\d+s$/, '');
  return `${iso} (${ms >= 0 ? `in ${rough}` : `${rough} ago`})`;
}

export function render(status: IdentityStatus, proxies: readonly ProxyIdentity[] | undefined, now: number): string {
  const rows = [
    ...status.anchors.map((a) => ['anchor', a.role, a.fingerprint.slice(0, SHORT), a.subject, when(a.notAfter, now)]),
    ...(status.issuer ? [['issuer', 'active', status.issuer.fingerprint.slice(0, SHORT), status.issuer.subject, when(status.issuer.notAfter, now)]] : []),
  ];
  const lines = [
    table(['KIND', 'ROLE', 'FINGERPRINT', 'SUBJECT', 'EXPIRES'].map((heading) => ({ heading })), rows),
    ...phase(status, now),
  ];
  if (proxies) lines.push('', proxyTable(status, proxies, now).trimEnd());
  return `${lines.join('\n')}\n`;
}

function phase(status: IdentityStatus, now: number): string[] {
  if (status.authority === 'given') return ['Rotation:   not by the mesh: issuer and trust anchors are given'];
  const lines = [`Rotation:   ${status.phase}${status.since ? ` since ${status.since}` : ''}${status.reason ? ` (${status.reason})` : ''}`];
  if (status.next) lines.push(`Next:       ${status.next.what}, ${when(status.next.at, now)}`);
  if (status.waitingFor) lines.push(`Waits for:  ${status.waitingFor.count} ${status.waitingFor.count === 1 ? 'proxy' : 'proxies'}`, ...status.waitingFor.pods.map((pod) => `            ${pod}`));
  if (status.error) lines.push(`Error:      ${status.error}`);
  return lines;
}

function proxyTable(status: IdentityStatus, proxies: readonly ProxyIdentity[], now: number): string {
  const trusted = status.anchors.map((a) => a.fingerprint);
  return table(['NAMESPACE', 'POD', 'IDENTITY', 'EXPIRES', 'ISSUER', 'ANCHORS'].map((heading) => ({ heading })), proxies.map((p) => {
    if (p.error !== undefined) return [p.namespace, p.pod, '-', `not known: ${p.error}`];
    const parsed = parseIdentity(p.identity);
    const followed = trusted.every((a) => p.anchors.includes(a)) && p.anchors.every((a) => trusted.includes(a));
    return [
      p.namespace, p.pod, parsed ? `${parsed.serviceAccount}.${parsed.namespace}` : p.identity || '-', p.notAfter === '' ? 'no certificate yet' : when(p.notAfter, now),
      p.issuer.slice(0, SHORT) || '-', followed ? 'up to date' : `behind: ${p.anchors.map((a) => a.slice(0, SHORT)).join(' ')}`,
    ];
  }));
}
