/**
 * The transport header: what a peer's proxy says first on a connection to our inbound port after ALPN `transport.l5d.io/v1`
 * (linkerd2-proxy's linkerd/transport-header): the preface, a 32-bit big-endian length, then a protobuf message
 * Header { int32 port = 1; string name = 2; SessionProtocol { oneof { http1 = 1; http2 = 2 } } session_protocol = 3 }. Ours has takes_refusals = 1000 besides.
 */
import { transport_l5d_io_TransportHeader } from '../../api/gen/tables.ts';
import { decode, WireError } from '../../lib/grpc/wire.ts';

export const TRANSPORT_ALPN = 'transport.l5d.io/v1';
const PREFACE = Buffer.from(`${TRANSPORT_ALPN}\r\n\r\n`, 'latin1');
const MAX_HEADER = 1024;

export interface TransportHeader {
  port: number;
  /** host name for gateway forwarding; '' otherwise */
  name: string;
  /** null: opaque bytes follow */
  protocol: 'http1' | 'http2' | null;
}

export interface ReceivedHeader extends TransportHeader {
  /** the peer is a proxy like this one: a stream that is refused goes to another endpoint, and its client does not see it */
  takesRefusals: boolean;
}

/** Tag of field 1000 as a varint: (1000 << 3) | 0. */
const TAKES_REFUSALS = 8000;

export function encodeTransportHeader(h: TransportHeader): Buffer {
  const body: number[] = [0x08];
  let port = h.port;
  for (; port > 127; port >>>= 7) body.push((port & 127) | 128);
  body.push(port);
  const name = Buffer.from(h.name, 'utf8');
  if (name.length > 0) body.push(0x12, name.length, ...name);
  if (h.protocol !== null) body.push(0x1a, 2, h.protocol === 'http1' ? 0x0a : 0x12, 0);
  body.push((TAKES_REFUSALS & 127) | 128, TAKES_REFUSALS >> 7, 1);
  const out = Buffer.alloc(PREFACE.length + 4 + body.length);
  PREFACE.copy(out);
  out.writeUInt32BE(body.length, PREFACE.length);
  out.set(body, PREFACE.length + 4);
  return out;
}

/**
 * Reads a header from the start of `b`: the header and its length in bytes, 'more' while incomplete, or 'bad' as soon as it cannot be one.
 */
export function decodeTransportHeader(b: Uint8Array): { header: ReceivedHeader; length: number } | 'more' | 'bad' {
  const n = Math.min(b.length, PREFACE.length);
  for (let i = 0; i < n; i++) if (b[i] !== PREFACE[i]) return 'bad';
  if (b.length < PREFACE.length + 4) return 'more';
  const view = Buffer.from(b.buffer, b.byteOffset, b.length);
  const size = view.readUInt32BE(PREFACE.length);
  if (size > MAX_HEADER) return 'bad';
  const start = PREFACE.length + 4;
  if (b.length < start + size) return 'more';
  const header = decodeBody(view.subarray(start, start + size));
  return header === null ? 'bad' : { header, length: start + size };
}

function decodeBody(b: Buffer): ReceivedHeader | null {
  try {
    const { port, name, sessionProtocol, takesRefusals } = decode(transport_l5d_io_TransportHeader, b);
    return port >= 1 && port <= 65535 ? { port, name, protocol: sessionProtocol?.kind.case ?? null, takesRefusals } : null;
  } catch (e) {
    if (e instanceof WireError) return null;
    throw e;
  }
}
