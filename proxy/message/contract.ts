/**
 * The one message model of the proxy, for HTTP/1 and HTTP/2 alike, and the one contract between its layers.
 *
 * An exchange is two streams. The server side of the proxy (a codec facing the client) calls a `Service` with the
 * request head and a `ResponseStream` to answer on; it gets back a `RequestStream` to send the request body to. A layer is a
 * function from Service to Service that wraps either stream, both or neither. A client codec facing an endpoint is a Service too.
 *
 * Rules that every implementation keeps:
 * - Everything is synchronous and on the event loop. No call is made on a stream from inside the call of `service` that created it
 *   before `service` has returned, except on `client` when the exchange is answered at once (head + data + end, or reset).
 * - Order of a response: informational* (head (data* (end | reset))) or reset alone. Of a request: data* (end | reset).
 * - `data` bytes buf[start, end) are borrowed for the duration of the call: copy or write them, never keep them.
 * - Backpressure is by credit: a producer may have WINDOW bytes outstanding in `data` calls; the consumer gives them back with `credit` on the
 *   other stream of the pair, as soon as the bytes have left its hands (it may do so inside `data`). A consumer
 *   never refuses bytes within the window.
 * - After end or reset on a stream nothing more is called on it, except that `reset` may follow `end` of the same
 *   stream while the exchange as a whole is unfinished (a client that gives up after it has sent its request).
 * - After an exchange is finished in both directions, or reset in either, late calls on it (credit, data, end, reset) are ignored, not errors.
 *   A reset ends both directions: whoever receives it sends nothing back.
 */
import type { SocketAddr } from '../accept/addr.ts';
import type { Reset } from './reset.ts';

/**
 * Ordered header pairs, flat: [name, value, name, value, …]. Names are lower case; values latin1, without leading or trailing white space.
 * An array is shared by every exchange whose head looked alike (http1/head-cache.ts), so it is never changed in place: build a new string[].
 */
export type Fields = readonly string[];

/** Bytes of one direction of one exchange that may be outstanding before the producer stops reading. */
export const WINDOW = 256 * 1024;

export class RequestHead {
  method: string;
  /** 'http' or 'https' */
  scheme: string;
  /** Host or :authority, '' if there was none (HTTP/1.0) */
  authority: string;
  /** origin-form request target, '*' for OPTIONS *, '' for CONNECT */
  path: string;
  /**
   * Without host, content-length, transfer-encoding and every hop-by-hop field (RFC 9110 7.6.1: connection and what it names,
   * keep-alive, proxy-connection, upgrade). `te: trailers` stays, other te values do not.
   */
  fields: Fields;
  /** value of content-length, -1 when absent */
  contentLength: number;
  /** protocol of an HTTP/1 Upgrade, lower case, or '' */
  upgrade = '';
  /** as received: 0 for HTTP/1.0, 1 for HTTP/1.1, 2 for HTTP/2 */
  version: 0 | 1 | 2 = 1;
  /** the request target was in absolute-form (RFC 9112 3.2.2) */
  absoluteForm = false;
  /** who sent it, where the stack that it runs through is shared by connections; for tap */
  client: SocketAddr | null = null;
  /** what was done to it on purpose, such as 'delay'; '' for nothing. For tap */
  fault = '';
  /** labels of the route that took it; null where no route is known. For tap */
  route: Readonly<Record<string, string>> | null = null;

  constructor(method: string, scheme: string, authority: string, path: string, fields: Fields, contentLength = -1) {
    this.method = method;
    this.scheme = scheme;
    this.authority = authority;
    this.path = path;
    this.fields = fields;
    this.contentLength = contentLength;
  }
}

export class ResponseHead {
  /** 100..999 */
  status: number;
  /** like RequestHead.fields */
  fields: Fields;
  /** value of content-length, -1 when absent; for HEAD and 304 it says nothing about the body, which is empty */
  contentLength: number;
  /** protocol switched to, with status 101, or to be switched to, with 426 (RFC 9110 15.5.22; HTTP/2 has no place for it); else '' */
  upgrade = '';
  version: 0 | 1 | 2 = 1;

  constructor(status: number, fields: Fields, contentLength = -1) {
    this.status = status;
    this.fields = fields;
    this.contentLength = contentLength;
  }
}

/** One direction's bytes. */
export interface BodyStream {
  data(buf: Buffer, start: number, end: number): void;
  /** the direction is complete; trailers in order, or null */
  end(trailers: Fields | null): void;
  /** the exchange is aborted */
  reset(reason: Reset): void;
}

/** What a server codec talks to: request body out, response credit out. */
export interface RequestStream extends BodyStream {
  /** n more bytes of the response have left the server side's hands */
  credit(n: number): void;
}

/** What a client codec or a layer answers on. */
export interface ResponseStream extends BodyStream {
  /** 1xx other than 101; any number before head */
  informational(head: ResponseHead): void;
  head(head: ResponseHead): void;
  /** n more bytes of the request have left the client side's hands */
  credit(n: number): void;
}

/**
 * Starts one exchange. `ended` says that the request has no body and no trailers: then neither data nor end is called on the stream returned.
 * Tunnels (head.upgrade, or method CONNECT) start with ended = false; once the head of a 101 (or, for CONNECT, a 2xx) has passed, `data` in both directions is
 * the tunnel's bytes and `end(null)` a half-close. Answered otherwise, the request counts as ended without a body.
 */
export type Service = (head: RequestHead, ended: boolean, client: ResponseStream) => RequestStream;

export type Layer = (next: Service) => Service;

/** Takes the rest of a request that has been answered already. */
export const ANSWERED: RequestStream = { data() {}, end() {}, reset() {}, credit() {} };

/** One connection to an endpoint on which exchanges can be started. */
export interface ClientConnection {
  readonly call: Service;
  /** exchanges that may be started now; 0 when busy, draining or closed */
  readonly capacity: number;
  /** exchanges in progress */
  readonly active: number;
  /** true when no exchange will ever start on it again */
  readonly closed: boolean;
  /** set by the pool: capacity rose from 0, or the connection closed */
  onChange: (() => void) | null;
  /** no new exchanges; closes when the running ones are done */
  drain(): void;
  destroy(): void;
}

/** One connection from a client, being served. */
export interface ServerConnection {
  readonly active: number;
  /** finish what runs, refuse new exchanges in the protocol's way (GOAWAY; connection: close), then close */
  drain(): void;
  destroy(): void;
  /** called once when the connection is gone */
  onClose: (() => void) | null;
}

/** Value of the first field with this (lower-case) name, or undefined. */
export function field(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}
