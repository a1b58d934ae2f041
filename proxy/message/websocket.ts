/**
 * What WebSocket needs where HTTP/1 and HTTP/2 meet: HTTP/1 proves by a key and its digest that the server speaks it (RFC 6455 4), HTTP/2 does without (RFC 8441 5).
 */
import { createHash, randomBytes } from 'node:crypto';
import { field, type Fields } from './contract.ts';

const KEY = 'sec-websocket-key';
const ACCEPT = 'sec-websocket-accept';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The fields of a request for HTTP/1: with a key, if it is one for WebSocket that came without. */
export function withKey(protocol: string, fields: Fields): Fields {
  if (protocol !== 'websocket' || field(fields, KEY) !== undefined) return fields;
  return [...fields, KEY, randomBytes(16).toString('base64')];
}

/** The fields of a response to a request that had these fields: with the digest of its key, if it has a key and the response has none. */
export function withAccept(request: Fields, response: Fields): Fields {
  const key = field(request, KEY);
  if (key === undefined || field(response, ACCEPT) !== undefined) return response;
  return [...response, ACCEPT, createHash('sha1').update(key + GUID).digest('base64')];
}

/** Fields for HTTP/2. */
export function withoutProof(fields: Fields): Fields {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) if (fields[i] !== KEY && fields[i] !== ACCEPT) out.push(fields[i]!, fields[i + 1]!);
  return out;
}
