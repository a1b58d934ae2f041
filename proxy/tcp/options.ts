/** What the kernel does about TCP connections whose other side falls silent, and how it ends one. Linux. */
import { getOption, setOption } from './sockopt.ts';

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const TCP_USER_TIMEOUT = 18;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
/** struct linger { l_onoff = 1, l_linger = 0 } */
const LINGER_ZERO = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
const value = Buffer.alloc(4);
/** struct tcp_info, up to and with tcpi_last_ack_recv */
const info = Buffer.alloc(60);
const PROBES = 3;
const UNACKED = 24;
const LAST_ACK_RECV = 56;

/** Milliseconds; 0 leaves the kernel's own. */
export interface TcpOptions {
  /** probes begin after this long without traffic */
  keepAliveMs: number;
  /** data or probes that stay unacknowledged for this long end the connection (RFC 5482; TCP_USER_TIMEOUT) */
  userTimeoutMs: number;
}

/** Sets what a listener's connections inherit, Nagle's algorithm off included: five system calls that no connection has to make for itself. */
export function inherit(listener: unknown, o: TcpOptions): void {
  setNumber(listener, IPPROTO_TCP, TCP_NODELAY, 1);
  if (o.keepAliveMs > 0) {
    const seconds = Math.max(1, Math.round(o.keepAliveMs / 1000));
    setNumber(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    setNumber(listener, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    // Without one of our own the second probe would come 75 seconds after the first.
    setNumber(listener, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
  }
  if (o.userTimeoutMs > 0) setUserTimeout(listener, o.userTimeoutMs);
}

export function setUserTimeout(socket: unknown, ms: number): void {
  setNumber(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
}

/** Milliseconds; 0 when there is none. */
export function userTimeout(socket: unknown): number {
  return getOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, value) ? value.readInt32LE() : 0;
}

/**
 * Milliseconds since the peer last acknowledged anything, probes of a closed window and of keep-alive included; 0 while nothing stands out that it would have to
 * acknowledge, or when that cannot be told.
 */
export function unheardMs(socket: unknown): number {
  if (!getOption(socket, IPPROTO_TCP, TCP_INFO, info)) return 0;
  return info[PROBES]! > 0 || info.readUInt32LE(UNACKED) > 0 ? info.readUInt32LE(LAST_ACK_RECV) : 0;
}

function setNumber(socket: unknown, level: number, name: number, n: number): void {
  value.writeInt32LE(n);
  setOption(socket, level, name, value);
}

/** From now on closing the connection sends RST. For sockets without resetAndDestroy: TLS. */
export function resetOnClose(socket: unknown): void {
  setOption(socket, SOL_SOCKET, SO_LINGER, LINGER_ZERO);
}
