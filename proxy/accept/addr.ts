import { SocketAddress } from 'node:net';

/** Branded socket addresses, so that an original destination is never taken for a client. The text form is ip:port, [ip]:port for IPv6. */
export interface SocketAddr { readonly ip: string; readonly port: number }
export type OrigDst = SocketAddr & { readonly brand: 'origDst' };
export type ClientAddr = SocketAddr & { readonly brand: 'client' };

export function origDst(ip: string, port: number): OrigDst {
  return { ip, port, brand: 'origDst' };
}

export function clientAddr(ip: string, port: number): ClientAddr {
  return { ip: unmap(ip), port, brand: 'client' };
}

export function addrText(a: SocketAddr): string {
  return a.ip.includes(':') ? `[${a.ip}]:${a.port}` : `${a.ip}:${a.port}`;
}

/** ::ffff:10.0.0.1 (an IPv4 peer on a dual-stack socket) as 10.0.0.1. */
export function unmap(ip: string): string {
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip;
}

/** Splits host:port, ip:port or [ip]:port; throws a RangeError otherwise. */
export function splitHostPort(s: string): { host: string; port: number } {
  const m = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(s);
  const port = m ? Number(m[3]) : -1;
  if (m === null || port < 1 || port > 65535) throw new RangeError(`"${s}" is not host:port`);
  return { host: (m[1] ?? m[2])!, port };
}

/** Splits the text form of a SocketAddr; throws a RangeError otherwise. */
export function splitAddr(s: string): SocketAddr {
  const { host, port } = splitHostPort(s);
  return { ip: host, port };
}

/** Text of an IPv6 address from its eight groups, as RFC 5952 writes it: one address, one text. */
export function ipv6Text(groups: readonly number[]): string {
  let best = 0;
  let at = -1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > 1 && n > best) {
      best = n;
      at = i;
    }
    i += n;
  }
  const hex = (from: number, to: number): string => groups.slice(from, to).map((g) => g.toString(16)).join(':');
  return at < 0 ? hex(0, 8) : `${hex(0, at)}::${hex(at + best, 8)}`;
}

/** The same address in the one text that this proxy compares by; throws an Error for what is no IPv6 address when it has a colon. */
export function canonicalIp(ip: string): string {
  return ip.includes(':') ? new SocketAddress({ address: ip, family: 'ipv6' }).address : ip;
}
