import { ProxyError } from '../errors.ts';
import { isAuthority } from '../message/authority.ts';
import type { Fields } from '../message/contract.ts';
import { LOWER_TOKEN, VALUE } from './chars.ts';
import { HASH_SEED, KIND, fieldName, hashStep } from './field-names.ts';

/** What the field lines of one head say: the fields that pass through, and what the codec itself acts on. Never changed once parsed. */
export class FieldBlock {
  /** end-to-end fields, see RequestHead.fields */
  fields: string[] = [];
  /** value of Host, or null when there was none */
  host: string | null = null;
  /** -1 when absent */
  contentLength = -1;
  /** Transfer-Encoding: chunked */
  chunked = false;
  /** Connection has `close`, `keep-alive`, `upgrade` */
  close = false;
  keepAlive = false;
  upgradeOption = false;
  /** value of Upgrade, lower case, HTTP/2 left out; '' when nothing is left */
  upgrade = '';
  /** Expect: 100-continue */
  expect = false;
  /** seconds of Keep-Alive: timeout=n, -1 when absent */
  keepAliveTimeout = -1;
  /** has credentials or cookies */
  secret = false;
}

/** True for every field name that passes; the trailer section uses another filter than heads do. */
export type Mode = 'head' | 'trailers';

/**
 * Parses field lines (RFC 9112 5) from buf[start, end): each ends in CRLF, an empty line is last. `text` is the same bytes as latin1.
 * Strict: throws ProxyError with a reason for everything that two parsers might read in two ways.
 */
export function parseFieldBlock(buf: Buffer, start: number, end: number, text: string, mode: Mode, maxFields: number): FieldBlock {
  const block = new FieldBlock();
  let named: string[] | null = null;
  let te: string | null = null;
  let hosts = 0;
  let lengths = 0;
  let codings = 0;
  let count = 0;
  let p = start;
  while (p < end - 2) {
    if (++count > maxFields) throw new ProxyError('HEAD_TOO_LARGE', 'too many header fields', 'too-many-fields');
    const nameStart = p;
    let hash = HASH_SEED;
    for (let c = 0; (c = LOWER_TOKEN[buf[p]!]!) !== 0; p++) hash = hashStep(hash, c);
    if (buf[p] !== 58) throw badName(buf, nameStart, p, count);
    if (p === nameStart) throw new ProxyError('BAD_REQUEST', 'a header field has no name', 'bad-field-name');
    const entry = fieldName(buf, nameStart, p, hash);
    p++;
    while (buf[p] === 32 || buf[p] === 9) p++;
    const valueStart = p;
    while (VALUE[buf[p]!] === 1) p++;
    if (buf[p] !== 13 || buf[p + 1] !== 10) throw badLineEnd(buf, p);
    let valueEnd = p;
    while (valueEnd > valueStart && (buf[valueEnd - 1] === 32 || buf[valueEnd - 1] === 9)) valueEnd--;
    p += 2;
    const value = text.slice(valueStart - start, valueEnd - start);
    if (mode === 'trailers') {
      if (entry.inTrailers) block.fields.push(entry.name, value);
      continue;
    }
    switch (entry.kind) {
      case KIND.NORMAL:
        block.fields.push(entry.name, value);
        break;
      case KIND.HOST:
        if (++hosts > 1) throw new ProxyError('BAD_REQUEST', 'more than one Host field', 'repeated-host');
        if (!isAuthority(value)) throw new ProxyError('BAD_REQUEST', 'the Host field is not a host', 'bad-host');
        block.host = value;
        break;
      case KIND.CONTENT_LENGTH:
        if (++lengths > 1) throw new ProxyError('BAD_REQUEST', 'more than one Content-Length field', 'repeated-content-length');
        block.contentLength = parseLength(value);
        break;
      case KIND.TRANSFER_ENCODING:
        if (++codings > 1) throw new ProxyError('BAD_REQUEST', 'more than one Transfer-Encoding field', 'repeated-transfer-encoding');
        if (value.toLowerCase() !== 'chunked') throw badCodings(value);
        block.chunked = true;
        break;
      case KIND.CONNECTION:
        named = connectionOptions(block, value, named);
        break;
      case KIND.KEEP_ALIVE:
        block.keepAliveTimeout = keepAliveTimeout(value);
        break;
      case KIND.PROXY_CONNECTION:
        break;
      case KIND.UPGRADE:
        block.upgrade = upgradeProtocols(block.upgrade, value);
        break;
      case KIND.TE:
        te = te === null ? value : `${te},${value}`;
        break;
      case KIND.EXPECT:
        if (value.toLowerCase() === '100-continue') block.expect = true;
        block.fields.push(entry.name, value);
        break;
      default:
        block.secret = true;
        block.fields.push(entry.name, value);
    }
  }
  if (lengths > 0 && codings > 0) {
    throw new ProxyError('BAD_REQUEST', 'both Content-Length and Transfer-Encoding', 'content-length-with-transfer-encoding');
  }
  if (named !== null) block.fields = without(block.fields, named);
  if (te !== null && te.split(',').some((t) => t.trim().toLowerCase() === 'trailers')) block.fields.push('te', 'trailers');
  return block;
}

function badName(buf: Buffer, nameStart: number, p: number, count: number): ProxyError {
  const c = buf[p]!;
  if (p === nameStart && (c === 32 || c === 9)) {
    return count === 1
      ? new ProxyError('BAD_REQUEST', 'white space before the first header field', 'leading-space')
      : new ProxyError('BAD_REQUEST', 'a folded header line', 'obs-fold');
  }
  if (c === 32 || c === 9) return new ProxyError('BAD_REQUEST', 'white space before the colon of a header field', 'space-before-colon');
  if (c === 13 || c === 10) {
    return p > nameStart && c === 13 && buf[p + 1] === 10
      ? new ProxyError('BAD_REQUEST', 'a header line without a colon', 'missing-colon')
      : badLineEnd(buf, p);
  }
  return new ProxyError('BAD_REQUEST', 'a byte that no header field name may have', 'bad-field-name');
}

function badLineEnd(buf: Buffer, p: number): ProxyError {
  if (buf[p] === 10) return new ProxyError('BAD_REQUEST', 'a header line ends without CR', 'bare-lf');
  if (buf[p] === 13) return new ProxyError('BAD_REQUEST', 'a CR inside a header line', 'bare-cr');
  return new ProxyError('BAD_REQUEST', 'a control byte in a header field', 'bad-field-value');
}

/** RFC 9112 6.1 and 6.3: without chunked as the last coding, and only there, nobody knows where the body ends. */
function badCodings(value: string): ProxyError {
  const codings = value.toLowerCase().split(',').map((c) => c.trim());
  return codings.indexOf('chunked') === codings.length - 1
    ? new ProxyError('METHOD_NOT_IMPLEMENTED', 'a transfer coding other than chunked', 'unknown-transfer-coding')
    : new ProxyError('BAD_REQUEST', 'chunked is not the last transfer coding', 'chunked-not-last');
}

function parseLength(value: string): number {
  if (!/^[0-9]+$/.test(value)) throw new ProxyError('BAD_REQUEST', 'Content-Length is not a number', 'bad-content-length');
  const n = Number(value);
  if (value.length > 16 || n > Number.MAX_SAFE_INTEGER) throw new ProxyError('BAD_REQUEST', 'Content-Length is too large', 'content-length-overflow');
  return n;
}

function connectionOptions(block: FieldBlock, value: string, named: string[] | null): string[] | null {
  for (const part of value.toLowerCase().split(',')) {
    const option = part.trim();
    if (option === 'close') block.close = true;
    else if (option === 'keep-alive') block.keepAlive = true;
    else if (option === 'upgrade') block.upgradeOption = true;
    else if (option !== '' && option !== 'te') (named ??= []).push(option);
  }
  return named;
}

/** HTTP/2 is left out: forwarded, it would make a tunnel full of requests that no policy sees (RFC 9113 dropped h2c). */
const HTTP2_UPGRADE = /^(?:h2c?|http(?:\/.*)?)$/;

function upgradeProtocols(before: string, value: string): string {
  const wanted = value.toLowerCase().split(',').map((p) => p.trim()).filter((p) => p !== '' && !HTTP2_UPGRADE.test(p));
  if (before !== '') wanted.unshift(before);
  return wanted.join(', ');
}

function keepAliveTimeout(value: string): number {
  const m = /(?:^|[ ,;])timeout=([0-9]{1,6})(?:$|[ ,;])/i.exec(value);
  return m === null ? -1 : Number(m[1]);
}

function without(fields: Fields, names: string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) if (!names.includes(fields[i]!)) kept.push(fields[i]!, fields[i + 1]!);
  return kept;
}
