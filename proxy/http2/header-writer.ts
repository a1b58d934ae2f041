/** Message heads and trailers to HEADERS frames (RFC 9113 8.1 to 8.3), with CONTINUATION where one frame is not enough. */
import type { Wire } from '../io/wire.ts';
import { field, type Fields, type RequestHead, type ResponseHead } from '../message/contract.ts';
import type { HttpDate } from '../message/date.ts';
import { withoutProof } from '../message/websocket.ts';
import { FLAG, FRAME_HEAD, FRAME_MAX, TYPE, putHead } from './frames.ts';
import { Encoder } from './hpack/encoder.ts';

/** Room for pseudo-header fields other than :path and :authority, for content-length and date. */
const FIXED = Encoder.BEGIN + Encoder.bound(':scheme', 'https') + Encoder.bound(':status', '200') + Encoder.bound('content-length', '9'.repeat(16))
  + Encoder.bound(':protocol', '') + Encoder.bound('date', 'Sun, 06 Nov 1994 08:49:37 GMT') + 64;

const STATUS = Array.from({ length: 1000 }, (_, i) => String(i));

export class HeaderWriter {
  /** for final responses without one */
  date: HttpDate | null = null;
  private readonly wire: Wire;
  private readonly encoder: Encoder;
  /** the block being built, when it does not go straight into the wire's buffer */
  private side: Buffer | null = null;
  /** the last DATA or HEADERS frame: its stream, its place in the wire's buffer, and the wire's byte count then, which tells whether it is still there */
  private markId = 0;
  private markPos = 0;
  private markWritten = 0;

  constructor(wire: Wire, encoder: Encoder) {
    this.wire = wire;
    this.encoder = encoder;
  }

  /** `extended`: an Upgrade as RFC 8441 has it. */
  request(id: number, head: RequestHead, ends: boolean, extended: boolean): void {
    const { path, authority } = head;
    const fields = extended ? withoutProof(head.fields) : head.fields;
    const method = extended ? 'CONNECT' : head.method;
    this.begin(FIXED + method.length + path.length + authority.length + head.upgrade.length + boundOf(fields));
    const e = this.encoder;
    e.field(':method', method);
    if (extended) e.field(':protocol', head.upgrade);
    if (extended || method !== 'CONNECT') {
      e.field(':scheme', head.scheme);
      e.field(':path', path);
    }
    if (authority !== '') e.field(':authority', authority);
    if (head.contentLength >= 0) e.field('content-length', String(head.contentLength));
    this.fields(fields);
    this.end(id, ends);
  }

  /** An informational or final head. Content-length is left out where RFC 9110 8.6 does not allow it. */
  response(id: number, head: ResponseHead): void {
    this.begin(FIXED + boundOf(head.fields));
    const { status } = head;
    this.encoder.field(':status', STATUS[status]!);
    if (head.contentLength >= 0 && status >= 200 && status !== 204) this.encoder.field('content-length', String(head.contentLength));
    if (this.date !== null && status >= 200 && field(head.fields, 'date') === undefined) this.encoder.field('date', this.date.text);
    this.fields(head.fields);
    this.end(id, false);
  }

  trailers(id: number, fields: Fields): void {
    this.begin(FIXED + boundOf(fields));
    this.fields(fields);
    this.end(id, true);
  }

  /** Notes that a frame of stream `id` starts at the wire's cursor. */
  mark(id: number): void {
    this.markId = id;
    this.markPos = this.wire.pos;
    this.markWritten = this.wire.writtenBytes;
  }

  /** Sets END_STREAM on the last frame written if that is one of stream `id` and has not left: saves an empty DATA frame. */
  endMarked(id: number): boolean {
    const { out } = this.wire;
    if (this.markId !== id || out === null || this.markWritten !== this.wire.writtenBytes) return false;
    out[this.markPos + 4]! |= FLAG.endStream;
    return true;
  }

  private begin(bound: number): void {
    if (bound <= FRAME_MAX) {
      this.side = null;
      const out = this.wire.room(FRAME_HEAD + bound);
      this.encoder.begin(out, this.wire.pos + FRAME_HEAD);
    } else {
      this.side = Buffer.allocUnsafe(bound);
      this.encoder.begin(this.side, 0);
    }
  }

  private fields(fields: Fields): void {
    const e = this.encoder;
    for (let i = 0; i < fields.length; i += 2) e.field(fields[i]!, fields[i + 1]!);
  }

  private end(id: number, ends: boolean): void {
    const wire = this.wire;
    const stop = this.encoder.finish();
    const flags = ends ? FLAG.endStream : 0;
    if (this.side === null) {
      this.mark(id);
      putHead(wire.out!, wire.pos, stop - wire.pos - FRAME_HEAD, TYPE.headers, flags | FLAG.endHeaders, id);
      wire.pos = stop;
      return;
    }
    this.markId = 0;
    for (let p = 0; p < stop || p === 0; p += FRAME_MAX) {
      const n = Math.min(FRAME_MAX, stop - p);
      const last = p + n === stop ? FLAG.endHeaders : 0;
      const out = wire.room(FRAME_HEAD + n);
      wire.pos = putHead(out, wire.pos, n, p === 0 ? TYPE.headers : TYPE.continuation, (p === 0 ? flags : 0) | last, id);
      wire.pos += this.side.copy(out, wire.pos, p, p + n);
    }
    this.side = null;
  }
}

function boundOf(fields: Fields): number {
  let n = 0;
  for (let i = 0; i < fields.length; i += 2) n += Encoder.bound(fields[i]!, fields[i + 1]!);
  return n;
}
