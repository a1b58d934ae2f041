import type { Options } from './options.ts';
import type { Family } from './rules.ts';

/** In /proc/net/if_inet6 (address, interface, prefix length, scope, flags, name): reachable from beyond the link. */
const GLOBAL_SCOPE = '00';

/** Which families to redirect; `ifInet6` is the text of /proc/net/if_inet6, '' where the kernel has no IPv6. */
export function families(ipv6: Options['ipv6'], ifInet6: string): Family[] {
  const has = ipv6 === 'auto' ? ifInet6.split('\n').some((line) => line.trim().split(/\s+/)[3] === GLOBAL_SCOPE) : ipv6 === 'true';
  return has ? ['ipv4', 'ipv6'] : ['ipv4'];
}
