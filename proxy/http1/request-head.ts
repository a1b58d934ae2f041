import { ProxyError } from '../errors.ts';
import { RequestHead, type Fields } from '../message/contract.ts';
import { HEADS } from './head-cache.ts';
import type { Http1Limits } from './limits.ts';
import { parseRequestLine } from './request-line.ts';

/** One request head and what the connection has to know of it. One object is reused for all: read it before the next call. */
export class ParsedRequest {
  head!: RequestHead;
  chunked = false;
  /** the message has a body */
  bodied = false;
  /** the client lets the connection go on after this request */
  keepAlive = true;
  /** the client waits for 100 before it sends the body */
  expect = false;
}

const PARSED = new ParsedRequest();

/** Parses the whole head in buf[p, end) (RFC 9112 3 and 5). Throws ProxyError with the counted reason. */
export function parseRequestHead(buf: Buffer, p: number, end: number, limits: Http1Limits, scheme: string): ParsedRequest {
  const line = parseRequestLine(buf, p, end, limits.maxRequestLineBytes);
  if (end - p > limits.maxHeadBytes) throw new ProxyError('HEAD_TOO_LARGE', 'the request head is too large', 'head-too-large');
  const block = HEADS.get(buf, line.next, end, limits);
  const { method, version } = line;
  const connect = method === 'CONNECT';
  const bodied = block.chunked || block.contentLength > 0;
  if (block.chunked && version === 0) throw badRequest('Transfer-Encoding in an HTTP/1.0 request', 'transfer-encoding-http10');
  if (block.host === null && version === 1) throw badRequest('the Host field is missing', 'missing-host');
  if (connect && bodied) throw badRequest('CONNECT with a body', 'connect-body');
  if (bodied && method === 'TRACE') throw badRequest('TRACE with a body', 'trace-body');
  const authority = connect || line.absoluteForm ? line.authority : (block.host ?? '');
  const head = new RequestHead(method, line.scheme || scheme, authority, line.path, block.fields, block.contentLength);
  head.version = version;
  head.absoluteForm = line.absoluteForm;
  // A body before the switch of protocols has no place in the message model; RFC 9110 7.8 lets a server ignore Upgrade.
  if (block.upgradeOption && version === 1 && !bodied && !connect) head.upgrade = block.upgrade;
  // RFC 9110 10.1.1: the expectation of an HTTP/1.0 client is ignored.
  if (block.expect && version === 0) head.fields = withoutExpect(block.fields);
  PARSED.head = head;
  PARSED.chunked = block.chunked;
  PARSED.bodied = bodied;
  PARSED.keepAlive = !block.close && (version === 1 || block.keepAlive);
  PARSED.expect = block.expect && version === 1 && bodied;
  return PARSED;
}

const badRequest = (text: string, reason: string): ProxyError => new ProxyError('BAD_REQUEST', text, reason);

function withoutExpect(fields: Fields): Fields {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) if (fields[i] !== 'expect') kept.push(fields[i]!, fields[i + 1]!);
  return kept;
}
