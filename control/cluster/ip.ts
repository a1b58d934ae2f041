import { isIP } from 'node:net';
import type { IPAddress } from '../../api/gen/net_pb.js';

/** The one spelling of an address that Kubernetes uses and lookups compare: RFC 5952 for IPv6. Undefined when it is none. */
export function canonicalIp(text: string): string | undefined {
  const version = isIP(text);
  if (version === 4) return text;
  if (version !== 6 || text.includes('%')) return undefined;
  const groups = hextets(text);
  const mapped = groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff;
  if (mapped) return [groups[6]! >> 8, groups[6]! & 255, groups[7]! >> 8, groups[7]! & 255].join('.');
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/** net.proto IPAddress of an address in text: IPv4 as a number in network order, IPv6 as two halves. */
export function ipMessage(text: string): { ip: { case: 'ipv4'; value: number } | { case: 'ipv6'; value: { first: bigint; last: bigint } } } {
  if (isIP(text) === 4) return { ip: { case: 'ipv4', value: text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0) } };
  const half = (groups: number[]) => groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
  const all = hextets(text);
  return { ip: { case: 'ipv6', value: { first: half(all.slice(0, 4)), last: half(all.slice(4)) } } };
}

/** Inverse of ipMessage, in canonical spelling; undefined for an empty message. */
export function ipText(message: IPAddress | undefined): string | undefined {
  const ip = message?.ip;
  if (ip?.case === 'ipv4') return [24, 16, 8, 0].map((shift) => (ip.value >>> shift) & 255).join('.');
  if (ip?.case !== 'ipv6') return undefined;
  const { first, last } = ip.value;
  const groups = [first, last].flatMap((half) => [48n, 32n, 16n, 0n].map((shift) => ((half >> shift) & 0xffffn).toString(16)));
  return canonicalIp(groups.join(':'));
}

/** The eight 16-bit groups of an IPv6 address, a dotted IPv4 tail included. */
function hextets(text: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const bytes = dotted?.slice(2).map(Number);
  const plain = bytes ? `${dotted![1]}${(bytes[0]! * 256 + bytes[1]!).toString(16)}:${(bytes[2]! * 256 + bytes[3]!).toString(16)}` : text;
  const [left = '', right] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const head = groups(left);
  const tail = groups(right ?? '');
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}
