/** From the messages of linkerd2-proxy-api to the proxy's own types. */
import type { Plain } from '../../lib/grpc/wire.ts';
import type { TcpAddress, IPAddress } from '../../api/gen/net_pb.js';
import type { WeightedAddr } from '../../api/gen/destination_pb.js';
import { ipv6Text, type SocketAddr } from '../accept/addr.ts';
import type { EndpointInfo } from '../balance/endpoint.ts';

/** Text of an address: IPv4 is a fixed32 in host order, IPv6 two fixed64 (net.proto). '' when absent. */
export function ipText(ip: Plain<IPAddress> | undefined): string {
  if (ip?.ip.case === 'ipv4') {
    const n = ip.ip.value;
    return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
  }
  if (ip?.ip.case === 'ipv6') {
    const groups: number[] = [];
    for (const half of [ip.ip.value.first, ip.ip.value.last]) for (let shift = 48n; shift >= 0n; shift -= 16n) groups.push(Number((half >> shift) & 0xffffn));
    return ipv6Text(groups);
  }
  return '';
}

export function ipMessage(text: string): { ip: { case: 'ipv4'; value: number } | { case: 'ipv6'; value: { first: bigint; last: bigint } } } {
  if (!text.includes(':')) return { ip: { case: 'ipv4', value: text.split('.').reduce((n, part) => n * 256 + Number(part), 0) } };
  const [left = '', right] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const groups = right === undefined ? head : [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail];
  const half = (from: number): bigint => groups.slice(from, from + 4).reduce((n, g) => (n << 16n) | BigInt(Number.parseInt(g, 16)), 0n);
  return { ip: { case: 'ipv6', value: { first: half(0), last: half(4) } } };
}

export function addrOf(a: Plain<TcpAddress> | undefined): SocketAddr {
  return { ip: ipText(a?.ip), port: a?.port ?? 0 };
}

/** WeightedAddr.weight of an ordinary endpoint, which is also what none means. */
const WEIGHT_ONE = 10_000;

export function endpointOf(a: Plain<WeightedAddr>, setLabels: Record<string, string>): EndpointInfo {
  const strategy = a.tlsIdentity?.strategy;
  const identity = strategy?.case === 'dnsLikeIdentity' ? strategy.value.name : strategy?.case === 'uriLikeIdentity' ? strategy.value.uri : '';
  const hint = a.protocolHint;
  return {
    addr: addrOf(a.addr),
    weight: a.weight === 0 ? 1 : a.weight / WEIGHT_ONE,
    priority: a.priority,
    labels: { ...setLabels, ...a.metricLabels },
    tls: identity === '' ? null : { identity, serverName: a.tlsIdentity?.serverName?.name || identity },
    h2: hint?.protocol.case === 'h2',
    opaque: hint?.protocol.case === 'opaque',
    transportPort: hint?.opaqueTransport?.inboundPort ?? 0,
  };
}

/** Milliseconds of a google.protobuf.Duration; undefined when absent. */
export function millis(d: { seconds: bigint; nanos: number } | undefined): number | undefined {
  return d === undefined ? undefined : Number(d.seconds) * 1000 + d.nanos / 1e6;
}
