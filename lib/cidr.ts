import { BlockList, isIP } from 'node:net';

/** A network; `contains` takes the text of an address of either family. */
export interface Cidr { readonly text: string; contains(ip: string): boolean }

/** Reads "10.0.0.0/8" or "fd00::/8" (a bare address counts as one host); null when it is neither. */
export function parseCidr(text: string): Cidr | null {
  const m = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text);
  const version = m === null ? 0 : isIP(m[1]!);
  if (m === null || version === 0) return null;
  const bits = version === 4 ? 32 : 128;
  const prefix = m[2] === undefined ? bits : Number(m[2]);
  if (prefix > bits) return null;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const block = new BlockList();
  block.addSubnet(m[1]!, prefix, family);
  return { text, contains: (ip) => isIP(ip) === version && block.check(ip, family) };
}
