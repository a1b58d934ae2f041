/** What one header block says, taken apart and checked as far as that does not depend on whether it is a request, a response or trailers. */
import type { Fields } from '../../message/contract.ts';
import { ENTRY_OVERHEAD } from './static-table.ts';
import { KIND, type Kind } from './classify.ts';

/** Bits of `seen`, one a pseudo-header field. */
export const SEEN = { method: 1, scheme: 2, authority: 4, path: 8, status: 16, protocol: 32 } as const;

/** Filled by the decoder and read at once by its caller; one is enough for a process. */
export class HeaderBlock {
  seen = 0;
  method = '';
  scheme = '';
  authority = '';
  path = '';
  /** what a CONNECT request wants to speak (RFC 8441), '' when absent */
  protocol = '';
  status = 0;
  /** value of host, '' when absent */
  host = '';
  contentLength = -1;
  /** everything but pseudo-header fields, host and content-length */
  fields: Fields = [];
  /** size as SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113 6.5.2) */
  size = 0;
  /** `size` went over the decoder's limit; what came after is not here */
  tooLarge = false;
  /** why the message is malformed (RFC 9113 8.1.1), as a counted reason, or '' */
  malformed = '';
  /** something in it must not be kept in a cache: a secret, or a literal sent as never indexed */
  secret = false;
  private cookieAt = -1;
  /** `fields` while it is being filled */
  private list: string[] = [];

  clear(): void {
    this.seen = 0;
    this.method = this.scheme = this.authority = this.path = this.protocol = this.host = this.malformed = '';
    this.status = this.size = 0;
    this.contentLength = this.cookieAt = -1;
    this.fields = this.list = [];
    this.tooLarge = this.secret = false;
  }

  fault(reason: string): void {
    if (this.malformed === '') this.malformed = reason;
  }

  /** Takes the next field. `bad` says that the value has octets that this kind of field cannot have. */
  add(name: string, value: string, kind: Kind, bad: boolean, limit: number): void {
    this.size += name.length + value.length + ENTRY_OVERHEAD;
    if (this.size > limit) {
      this.tooLarge = true;
      return;
    }
    if (bad) this.fault(kind >= KIND.method && kind <= KIND.protocol ? 'pseudo-header-value' : 'header-value');
    switch (kind) {
      case KIND.plain:
        this.list.push(name, value);
        return;
      case KIND.method:
        this.pseudo(SEEN.method);
        this.method = value;
        return;
      case KIND.scheme:
        this.pseudo(SEEN.scheme);
        this.scheme = value;
        return;
      case KIND.authority:
        this.pseudo(SEEN.authority);
        this.authority = value;
        return;
      case KIND.path:
        this.pseudo(SEEN.path);
        this.path = value;
        return;
      case KIND.status:
        this.pseudo(SEEN.status);
        this.status = bad ? 0 : Number(value);
        return;
      case KIND.protocol:
        this.pseudo(SEEN.protocol);
        this.protocol = value;
        return;
      case KIND.badPseudo: return this.fault('pseudo-header-unknown');
      case KIND.contentLength: return this.takeContentLength(value);
      case KIND.host:
        if (this.host !== '') this.fault('host-repeated');
        this.host = value;
        return;
      case KIND.te:
        if (value !== 'trailers') this.fault('te-not-trailers');
        this.list.push(name, value);
        return;
      case KIND.cookie:
        this.secret = true;
        return this.takeCookie(name, value);
      case KIND.hopByHop: return this.fault('connection-specific-header');
      case KIND.badName: return this.fault('header-name');
      case KIND.secret:
        this.secret = true;
        this.list.push(name, value);
        return;
    }
  }

  private pseudo(bit: number): void {
    if ((this.seen & bit) !== 0) this.fault('pseudo-header-repeated');
    this.seen |= bit;
  }

  private takeContentLength(value: string): void {
    if (this.contentLength >= 0) return this.fault('content-length-repeated');
    if (!/^[0-9]{1,15}$/.test(value)) return this.fault('content-length-value');
    this.contentLength = Number(value);
  }

  /** Cookie may come in pieces (RFC 9113 8.2.3), which HTTP/1 does not allow. */
  private takeCookie(name: string, value: string): void {
    if (this.cookieAt >= 0) {
      this.list[this.cookieAt] += `; ${value}`;
      return;
    }
    this.cookieAt = this.list.length + 1;
    this.list.push(name, value);
  }
}
