/** Frames for seeds and dictionaries of the HTTP/2 targets. */
import { FLAG, SETTING, TYPE } from '../../../proxy/http2/frames.ts';
import { frame, settings, u32 } from '../../../proxy/http2/raw.testkit.ts';
import { hex } from '../target.ts';

/** GET http://a/ and POST http://a/, from the static table but for the authority. */
const [get, post, literal] = hex('8286844101 61', '8386844101 61', '8286844101 61 4003 782d61 0162 0f0d0133') as [Buffer, Buffer, Buffer];
/** CONNECT with :protocol websocket, http, /, a. */
const [extended] = hex('02 07 434f4e4e454354 00 09 3a70726f746f636f6c 09 776562736f636b6574 86 84 41 01 61') as [Buffer];
const WHOLE = FLAG.endHeaders | FLAG.endStream;

export const requestFrames: readonly Buffer[] = [
  frame(TYPE.headers, WHOLE, 1, get),
  Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, post), frame(TYPE.data, 0, 1, 'abc'), frame(TYPE.data, FLAG.endStream, 1, 'def'), frame(TYPE.headers, WHOLE, 3, get)]),
  Buffer.concat([frame(TYPE.headers, 0, 1, literal.subarray(0, 5)), frame(TYPE.continuation, FLAG.endHeaders, 1, literal.subarray(5)), frame(TYPE.data, FLAG.endStream | FLAG.padded, 1, '\x02abc\0\0')]),
  Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, post), frame(TYPE.data, 0, 1, 'x'), frame(TYPE.headers, WHOLE, 1, Buffer.from('0001740175', 'hex'))]),
  Buffer.concat([frame(TYPE.headers, WHOLE | FLAG.priority | FLAG.padded, 1, Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 9]), get, Buffer.alloc(1)])), frame(TYPE.priority, 0, 5, Buffer.from([0, 0, 0, 1, 5]))]),
  Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, post), frame(TYPE.rstStream, 0, 1, u32(8)), frame(TYPE.data, 0, 1, 'late'), frame(TYPE.windowUpdate, 0, 0, u32(1000)), frame(TYPE.ping, 0, 0, Buffer.alloc(8))]),
  Buffer.concat([settings([SETTING.initialWindowSize, 10], [SETTING.headerTableSize, 0], [SETTING.maxFrameSize, 20_000]), frame(TYPE.headers, WHOLE, 1, get), frame(TYPE.windowUpdate, 0, 1, u32(5))]),
  Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, hex('02 07 434f4e4e454354 41 01 61')[0]), frame(TYPE.data, 0, 1, 'tunnel'), frame(TYPE.goaway, 0, 0, u32(0, 0))]),
  Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, extended), frame(TYPE.data, 0, 1, 'early'), frame(TYPE.data, FLAG.endStream, 1), frame(TYPE.headers, WHOLE, 3, get)]),
];

export const responseFrames: readonly Buffer[] = [
  frame(TYPE.headers, WHOLE, 1, Buffer.from('88', 'hex')),
  Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, hex('88 0f0d0133')[0]), frame(TYPE.data, FLAG.endStream, 1, 'abc')]),
  Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, hex('08 03 313033')[0]), frame(TYPE.headers, FLAG.endHeaders, 1, Buffer.from('88', 'hex')), frame(TYPE.data, 0, 1, 'abc'), frame(TYPE.headers, WHOLE, 1, Buffer.from('0001740175', 'hex'))]),
  Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, Buffer.from('8d', 'hex')), frame(TYPE.rstStream, 0, 1, u32(0))]),
  Buffer.concat([settings([SETTING.initialWindowSize, 0], [SETTING.maxConcurrentStreams, 1]), frame(TYPE.goaway, 0, 0, u32(1, 0)), frame(TYPE.headers, WHOLE, 1, Buffer.from('88', 'hex'))]),
];

export const words: readonly Buffer[] = [
  ...requestFrames.slice(0, 4), ...responseFrames.slice(0, 3), settings(), settings([SETTING.initialWindowSize, 0]), settings([SETTING.headerTableSize, 100]), frame(TYPE.settings, FLAG.ack, 0),
  frame(TYPE.ping, 0, 0, Buffer.alloc(8)), frame(TYPE.data, 0, 1), frame(TYPE.data, FLAG.endStream, 1), frame(TYPE.data, 0, 3, 'data'), frame(TYPE.windowUpdate, 0, 1, u32(0)), frame(TYPE.windowUpdate, 0, 1, u32(0x7fffffff)),
  frame(TYPE.rstStream, 0, 3, u32(8)), frame(TYPE.continuation, FLAG.endHeaders, 1, get), frame(TYPE.pushPromise, FLAG.endHeaders, 1, u32(2)), frame(99, 255, 7, 'unknown'),
  ...hex('82', '84', '86', '87', '88', 'be', '3fe11f', '20', '4001610162', '1001610162', '0f0d0135', '0003 3a7461 0162', '7f80ffffff0f', '00000001', '00000003'),
];
