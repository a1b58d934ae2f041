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
