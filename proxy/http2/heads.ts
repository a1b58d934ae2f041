/** Decoded header blocks to message heads, with the rules of RFC 9113 8.2 and 8.3 that depend on what a block is for. */
import { isConnectTarget, isKnownAuthority } from '../message/authority.ts';
import { field, type Fields, RequestHead, ResponseHead } from '../message/contract.ts';
import { type HeaderBlock, SEEN } from './hpack/block.ts';

const REQUEST = SEEN.method | SEEN.scheme | SEEN.path;

/** null if the request is malformed; block.malformed says why. */
export function requestHead(block: HeaderBlock): RequestHead | null {
  checkRequest(block);
  if (block.malformed !== '') return null;
  // An extended CONNECT is what Upgrade is to HTTP/1, and that is how layers know it.
  const extended = block.protocol !== '';
  const head = new RequestHead(extended ? 'GET' : block.method, block.scheme, block.authority === '' ? block.host : block.authority, block.path, block.fields, block.contentLength);
  head.version = 2;
  if (extended) head.upgrade = block.protocol.toLowerCase();
  return head;
}

function checkRequest(block: HeaderBlock): void {
  const { seen } = block;
  if ((seen & SEEN.status) !== 0) return block.fault('pseudo-header-status');
  if (block.method === 'CONNECT') {
    // RFC 9113 8.5, RFC 8441 4
    const plain = SEEN.method | SEEN.authority;
    if (seen !== plain && seen !== (plain | REQUEST | SEEN.protocol)) block.fault('connect-pseudo-headers');
    if (seen === plain) {
      if (!isConnectTarget(block.authority)) block.fault('connect-target');
      return;
    }
  } else if (block.protocol !== '') {
    return block.fault('protocol-without-connect');
  }
  if ((seen & REQUEST) !== REQUEST) return block.fault('pseudo-header-missing');
  if (block.scheme !== 'http' && block.scheme !== 'https') return block.fault('scheme');
  if (block.path === '*' && block.method !== 'OPTIONS') return block.fault('path-asterisk');
  // Octets were checked one by one; a name that no HTTP/1 server could be asked for would count as its failure.
  if (!isKnownAuthority(block.authority === '' ? block.host : block.authority)) block.fault('authority');
  // The same place named in two ways would let two hops see two requests (RFC 9113 8.3.1).
  if (block.host !== '' && block.authority !== '' && block.host !== block.authority && block.host.toLowerCase() !== block.authority.toLowerCase())
    if (!isAbsoluteForm(block.fields)) block.fault('host-not-authority');
}

/**
 * linkerd2-proxy carries an HTTP/1 request in absolute-form with the target's authority and the Host field as they came. RFC 9112 3.2.2 says that such a Host is
 * to be ignored, and it is: only :authority is read on.
 */
function isAbsoluteForm(fields: Fields): boolean {
  return field(fields, 'l5d-orig-proto')?.endsWith('; absolute-form') === true;
}

/** null if the response is malformed; block.malformed says why. */
export function responseHead(block: HeaderBlock): ResponseHead | null {
  if (block.seen !== SEEN.status) block.fault('pseudo-header-status');
  // Switching protocols is not part of HTTP/2 (RFC 9113 8.6).
  if (block.status === 101) block.fault('status-101');
  if (block.malformed !== '') return null;
  const fields = block.host === '' ? block.fields : [...block.fields, 'host', block.host];
  const head = new ResponseHead(block.status, fields, block.status < 200 || block.status === 204 ? -1 : block.contentLength);
  head.version = 2;
  return head;
}

/** null if the trailers are malformed; framing and routing fields have no place in them (RFC 9110 6.5.1). */
export function trailerFields(block: HeaderBlock): Fields | null {
  if (block.seen !== 0) block.fault('pseudo-header-in-trailers');
  if (block.contentLength >= 0 || block.host !== '') block.fault('forbidden-trailer');
  return block.malformed === '' ? block.fields : null;
}
