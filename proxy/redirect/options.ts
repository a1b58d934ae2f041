import { parseArgs } from 'node:util';
import { PORTS } from '../../api/ports.ts';
import { PROXY_UID } from '../../api/names.ts';
import { parseCidr } from '../../lib/cidr.ts';
import type { RedirectOptions } from './rules.ts';

export interface Options extends RedirectOptions {
  /** print the rules and change nothing */
  simulate: boolean;
  /** nft or legacy: which of the two iptables of the image */
  mode: 'nft' | 'legacy';
  /** auto: when the pod has an IPv6 address that others can reach */
  ipv6: 'auto' | 'true' | 'false';
  /** how long the kernel remembers a redirected connection that one side has closed, seconds; 0 leaves it as it is */
  closeWaitSeconds: number;
}

export const USAGE = `Usage: redirect [flags]
  --inbound-port N           the proxy's inbound port (${PORTS.inbound})
  --outbound-port N          the proxy's outbound port (${PORTS.outbound})
  --proxy-uid N              uid whose traffic is never redirected (${PROXY_UID})
  --proxy-gid N              gid whose traffic is never redirected (none)
  --redirect-inbound-ports P,P  the only ports redirected inwards (all)
  --skip-inbound-ports P,P   ports or ranges that bypass the proxy inwards
  --skip-outbound-ports P,P  ports or ranges that bypass the proxy outwards
  --skip-subnets C,C         networks that bypass the proxy
  --close-wait-timeout N     seconds that the kernel remembers a half-closed connection (its own);
                             needs a privileged container
  --mode nft|legacy          which iptables (nft)
  --ipv6 auto|true|false     redirect IPv6 too (auto: when the pod has an address of it)
  --simulate                 print the rules only
`;

/** Throws an Error with a readable message for anything that is not understood. */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      'inbound-port': { type: 'string', default: String(PORTS.inbound) },
      'outbound-port': { type: 'string', default: String(PORTS.outbound) },
      'proxy-uid': { type: 'string', default: String(PROXY_UID) },
      'proxy-gid': { type: 'string' },
      'redirect-inbound-ports': { type: 'string', default: '' },
      'close-wait-timeout': { type: 'string', default: '0' },
      'skip-inbound-ports': { type: 'string', default: '' },
      'skip-outbound-ports': { type: 'string', default: '' },
      'skip-subnets': { type: 'string', default: '' },
      mode: { type: 'string', default: 'nft' },
      ipv6: { type: 'string', default: 'auto' },
      simulate: { type: 'boolean', default: false },
    },
  });
  const mode = values.mode;
  if (mode !== 'nft' && mode !== 'legacy') throw new Error(`--mode is nft or legacy, not "${mode}"`);
  const { ipv6 } = values;
  if (ipv6 !== 'auto' && ipv6 !== 'true' && ipv6 !== 'false') throw new Error(`--ipv6 is auto, true or false, not "${ipv6}"`);
  return {
    inboundPort: number('inbound-port', values['inbound-port'], 1, 65535),
    outboundPort: number('outbound-port', values['outbound-port'], 1, 65535),
    proxyUid: number('proxy-uid', values['proxy-uid'], 0, 2 ** 31),
    proxyGid: values['proxy-gid'] === undefined ? null : number('proxy-gid', values['proxy-gid'], 0, 2 ** 31),
    redirectInboundPorts: portList('redirect-inbound-ports', values['redirect-inbound-ports']),
    closeWaitSeconds: number('close-wait-timeout', values['close-wait-timeout'], 0, 86_400),
    skipInboundPorts: portList('skip-inbound-ports', values['skip-inbound-ports']),
    skipOutboundPorts: portList('skip-outbound-ports', values['skip-outbound-ports']),
    skipSubnets: items(values['skip-subnets']).map((c) => {
      if (parseCidr(c) === null) throw new Error(`--skip-subnets: "${c}" is not a network such as 10.0.0.0/8`);
      return c;
    }),
    mode,
    ipv6,
    simulate: values.simulate,
  };
}

function items(text: string): string[] {
  return text.split(',').map((s) => s.trim()).filter((s) => s !== '');
}

function number(flag: string, text: string, min: number, max: number): number {
  const n = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(n >= min && n <= max)) throw new Error(`--${flag}: "${text}" is not a number from ${min} to ${max}`);
  return n;
}

function portList(flag: string, text: string): string[] {
  return items(text).map((p) => {
    const [from, to = from] = p.split('-');
    const a = number(flag, from!, 1, 65535);
    const b = number(flag, to!, 1, 65535);
    if (b < a) throw new Error(`--${flag}: "${p}" ends before it starts`);
    return a === b ? String(a) : `${a}-${b}`;
  });
}
