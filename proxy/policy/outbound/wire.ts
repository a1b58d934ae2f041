/** Small parts of outbound.proto that several of its messages share, checked. */
import type { Plain } from '../../../lib/grpc/wire.ts';
import type { HostMatch as HostMessage, Ratio } from '../../../api/gen/http_route_pb.js';
import type { SniMatch } from '../../../api/gen/tls_route_pb.js';
import type { ExponentialBackoff } from '../../../api/gen/outbound_pb.js';
import type { Metadata } from '../../../api/gen/meta_pb.js';
import { millis } from '../../discover/convert.ts';
import type { Backoff } from '../../layers/backoff.ts';
import { PolicyError, type HostMatch, type Meta } from './model.ts';

export const NO_META: Meta = { group: '', kind: 'default', namespace: '', name: '', port: '', section: '' };

export function metaOf(m: Plain<Metadata> | undefined): Meta {
  const kind = m?.kind;
  if (kind?.case === 'default') return { ...NO_META, name: kind.value };
  if (kind?.case !== 'resource') return NO_META;
  const r = kind.value;
  return { group: r.group, kind: r.kind, namespace: r.namespace, name: r.name, port: r.port === 0 ? '' : String(r.port), section: r.section };
}

/** A share between 0 and 1; absent is 1. */
export function shareOf(r: Plain<Ratio> | undefined): number {
  if (r === undefined) return 1;
  if (r.denominator === 0) throw new PolicyError('a ratio has the denominator 0');
  return Math.min(1, r.numerator / r.denominator);
}

/** Milliseconds; 0 when absent. Throws on a negative duration. */
export function millisOf(d: { seconds: bigint; nanos: number } | undefined): number {
  const ms = millis(d) ?? 0;
  if (ms < 0) throw new PolicyError('a duration is negative');
  return ms;
}

/** Linkerd's figures where the message has none. */
const BACKOFF: Backoff = { minMs: 25, maxMs: 250, jitter: 1, respectRetryAfter: false };

export function backoffOf(b: Plain<ExponentialBackoff> | undefined): Backoff {
  if (b === undefined) return BACKOFF;
  if (b.jitterRatio < 0 || Number.isNaN(b.jitterRatio)) throw new PolicyError('the jitter ratio of a backoff is negative');
  const minMs = millisOf(b.minBackoff);
  const maxMs = millisOf(b.maxBackoff);
  if (maxMs < minMs) throw new PolicyError('the longest pause of a backoff is shorter than its shortest');
  return { minMs, maxMs, jitter: b.jitterRatio, respectRetryAfter: b.respectRetryAfterHint };
}

export function hostOf(m: Plain<HostMessage> | Plain<SniMatch>): HostMatch {
  const { match } = m;
  if (match.case === 'exact') return { name: match.value.toLowerCase(), suffix: false };
  if (match.case !== 'suffix') throw new PolicyError('a host match has no name');
  return { name: match.value.reverseLabels.toReversed().join('.').toLowerCase(), suffix: true };
}
