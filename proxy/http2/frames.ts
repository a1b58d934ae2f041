/** Frame types, flags, settings and error codes (RFC 9113 6, 7, 11) and the writing of small frames. */
import type { Wire } from '../io/wire.ts';
import { putLatin1 } from './latin1.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const FRAME_HEAD = 9;
/** SETTINGS_MAX_FRAME_SIZE's initial value, the least that every peer takes; larger frames gain nothing here, so none are sent or accepted. */
export const FRAME_MAX = 16384;
export const MAX_STREAM_ID = 0x7fffffff;
export const MAX_WINDOW = 0x7fffffff;
export const INITIAL_WINDOW = 65535;

export const TYPE = {
  data: 0, headers: 1, priority: 2, rstStream: 3, settings: 4, pushPromise: 5, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const SETTING = {
  headerTableSize: 1, enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5, maxHeaderListSize: 6,
  /** RFC 8441 3 */
  enableConnectProtocol: 8,
} as const;

export const CODE = {
  noError: 0, protocol: 1, internal: 2, flowControl: 3, settingsTimeout: 4, streamClosed: 5, frameSize: 6, refusedStream: 7, cancel: 8,
  compression: 9, connect: 10, enhanceYourCalm: 11, inadequateSecurity: 12, http11Required: 13,
} as const;

/** The connection cannot go on (RFC 9113 5.4.1). `reason` is counted and sent as GOAWAY's debug data. */
export class ConnectionError extends Error {
  readonly code: number;
  readonly reason: string;
  constructor(code: number, reason: string) {
    super(`HTTP/2 connection error ${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

/** Writes a frame head at out[p] and returns the position after it. */
export function putHead(out: Buffer, p: number, length: number, type: number, flags: number, id: number): number {
  out[p] = length >>> 16;
  out[p + 1] = length >>> 8;
  out[p + 2] = length;
  out[p + 3] = type;
  out[p + 4] = flags;
  return put32(out, p + 5, id);
}

function put32(out: Buffer, p: number, v: number): number {
  out[p] = v >>> 24;
  out[p + 1] = v >>> 16;
  out[p + 2] = v >>> 8;
  out[p + 3] = v;
  return p + 4;
}

export function get32(buf: Buffer, p: number): number {
  return ((buf[p]! << 24) | (buf[p + 1]! << 16) | (buf[p + 2]! << 8) | buf[p + 3]!) >>> 0;
}

export function get31(buf: Buffer, p: number): number {
  return get32(buf, p) & MAX_STREAM_ID;
}

export function writeSettings(wire: Wire, pairs: readonly (readonly [id: number, value: number])[]): void {
  const out = wire.room(FRAME_HEAD + 6 * pairs.length);
  let p = putHead(out, wire.pos, 6 * pairs.length, TYPE.settings, 0, 0);
  for (const [id, value] of pairs) {
    out[p] = id >>> 8;
    out[p + 1] = id;
    p = put32(out, p + 2, value);
  }
  wire.pos = p;
}

export function writeSettingsAck(wire: Wire): void {
  const out = wire.room(FRAME_HEAD);
  wire.pos = putHead(out, wire.pos, 0, TYPE.settings, FLAG.ack, 0);
}

/** A frame whose payload is one 32-bit number: RST_STREAM or WINDOW_UPDATE. */
function writeNumber(wire: Wire, type: number, id: number, value: number): void {
  const out = wire.room(FRAME_HEAD + 4);
  wire.pos = put32(out, putHead(out, wire.pos, 4, type, 0, id), value);
}

export function writeReset(wire: Wire, id: number, code: number): void {
  writeNumber(wire, TYPE.rstStream, id, code);
}

export function writeWindowUpdate(wire: Wire, id: number, increment: number): void {
  writeNumber(wire, TYPE.windowUpdate, id, increment);
}

/** `high` and `low` are the halves of the eight opaque octets. */
export function writePing(wire: Wire, flags: number, high: number, low: number): void {
  const out = wire.room(FRAME_HEAD + 8);
  wire.pos = put32(out, put32(out, putHead(out, wire.pos, 8, TYPE.ping, flags, 0), high), low);
}

export function writeGoaway(wire: Wire, lastId: number, code: number, debug: string): void {
  const out = wire.room(FRAME_HEAD + 8 + debug.length);
  const p = put32(out, put32(out, putHead(out, wire.pos, 8 + debug.length, TYPE.goaway, 0, 0), lastId), code);
  wire.pos = p + putLatin1(out, debug, p);
}
