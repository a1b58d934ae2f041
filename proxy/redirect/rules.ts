/**
 * The iptables rules that send a pod's TCP traffic through its proxy. Inbound: everything but the skipped ports, or only the ports that are named, goes to the inbound port. Outbound: everything
 * but the proxy's own traffic (by uid, and gid where one is given), loopback and the skipped ports and networks goes to the outbound port.
 */
export interface RedirectOptions {
  inboundPort: number;
  outboundPort: number;
  proxyUid: number;
  /** gid whose traffic is left alone as well; null for none */
  proxyGid: number | null;
  /** the only ports whose connections are redirected inwards; empty for all */
  redirectInboundPorts: string[];
  /** ports or ranges, "4190" or "4567-4568" */
  skipInboundPorts: string[];
  skipOutboundPorts: string[];
  /** CIDRs that are left alone in both directions; each counts for its own family */
  skipSubnets: string[];
}

/** iptables keeps the two apart. */
export type Family = 'ipv4' | 'ipv6';

export const CHAINS = { inbound: 'MESH_INBOUND', outbound: 'MESH_OUTBOUND' } as const;
/** iptables' multiport takes 15 ports a rule; a range counts as two. */
const MULTIPORT = 15;

/** Jumps from the built-in chains; they must exist exactly once. */
export const JUMPS = [`-A PREROUTING -p tcp -j ${CHAINS.inbound}`, `-A OUTPUT -p tcp -j ${CHAINS.outbound}`];

/** Input of `iptables-restore --noflush`, or ip6tables-restore. Declaring our chains empties them, so running it again gives the same rules; `present` are the jumps that exist already. */
export function renderRules(o: RedirectOptions, family: Family, present: readonly string[] = []): string {
  return [
    '*nat', `:${CHAINS.inbound} - [0:0]`, `:${CHAINS.outbound} - [0:0]`,
    ...JUMPS.filter((j) => !present.includes(j)),
    ...chainRules(o, family),
    'COMMIT', '',
  ].join('\n');
}

export function chainRules(o: RedirectOptions, family: Family): string[] {
  const { inbound, outbound } = CHAINS;
  const skipped = o.skipSubnets.filter((s) => s.includes(':') === (family === 'ipv6'));
  return [
    ...ports(o.skipInboundPorts).map((p) => `-A ${inbound} -p tcp -m multiport --dports ${p} -j RETURN`),
    ...skipped.map((s) => `-A ${inbound} -s ${s} -j RETURN`),
    ...(o.redirectInboundPorts.length === 0 ? [''] : ports(o.redirectInboundPorts).map((p) => ` -m multiport --dports ${p}`))
      .map((which) => `-A ${inbound} -p tcp${which} -j REDIRECT --to-ports ${o.inboundPort}`),
    `-A ${outbound} -m owner --uid-owner ${o.proxyUid} -j RETURN`,
    ...(o.proxyGid === null ? [] : [`-A ${outbound} -m owner --gid-owner ${o.proxyGid} -j RETURN`]),
    `-A ${outbound} -o lo -j RETURN`,
    ...ports(o.skipOutboundPorts).map((p) => `-A ${outbound} -p tcp -m multiport --dports ${p} -j RETURN`),
    ...skipped.map((s) => `-A ${outbound} -d ${s} -j RETURN`),
    `-A ${outbound} -p tcp -j REDIRECT --to-ports ${o.outboundPort}`,
  ];
}

function ports(list: readonly string[]): string[] {
  const out: string[] = [];
  let group: string[] = [];
  let slots = 0;
  for (const p of list) {
    const cost = p.includes('-') ? 2 : 1;
    if (slots + cost > MULTIPORT) {
      out.push(group.join(','));
      group = [];
      slots = 0;
    }
    group.push(p.replace('-', ':'));
    slots += cost;
  }
  if (group.length > 0) out.push(group.join(','));
  return out;
}
