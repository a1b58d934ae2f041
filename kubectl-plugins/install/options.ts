import type { MeshConfig } from '../../api/config.ts';
import { DEFAULT_CONTROL_NAMESPACE } from '../../api/names.ts';
import { DEFAULT_OPAQUE_PORTS } from '../../api/ports.ts';
import { VERSION } from '../../api/version.ts';
import { parseCidr } from '../../lib/cidr.ts';
import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { UsageError } from '../shared/errors.ts';
import { durationMs, flag, list, targetOf, text } from '../shared/flags.ts';

/** Paths of the certificates of an authority that somebody else keeps. */
export interface AuthorityFiles {
  issuer: { certificate: string; key: string } | undefined;
  anchors: string | undefined;
}

export interface InstallOptions {
  target: Target;
  config: MeshConfig;
  /** undefined: mesh-identity makes an authority, or the cluster has one */
  given: AuthorityFiles | undefined;
  /** print instead of applying */
  output: 'yaml' | 'json' | undefined;
  force: boolean;
  wait: boolean;
  timeoutMs: number;
  keepOnFailure: boolean;
}

/** Allowance for clocks that differ: a leaf is valid from this much before it is issued. */
const CLOCK_SKEW_SECONDS = 20;

export function validate(args: Args): InstallOptions {
  const output = text(args, 'output') as InstallOptions['output'];
  return {
    target: targetOf(args),
    config: meshConfig(args),
    given: authorityFiles(args),
    output,
    force: flag(args, 'force'),
    wait: args['wait'] !== false,
    timeoutMs: durationMs(args, 'timeout', 1000),
    keepOnFailure: flag(args, 'keep-on-failure'),
  };
}

function meshConfig(args: Args): MeshConfig {
  return {
    version: VERSION,
    controlNamespace: DEFAULT_CONTROL_NAMESPACE,
    trustDomain: dnsName(args, 'trust-domain'),
    clusterDomain: dnsName(args, 'cluster-domain'),
    registry: registry(args),
    imagePullPolicy: args['image-pull-policy'] as MeshConfig['imagePullPolicy'],
    clusterNetworks: (list(args, 'cluster-networks') ?? []).map(cidr),
    identity: identity(args),
    ...(flag(args, 'canary') && { canary: true }),
    ...(flag(args, 'ha') && { highAvailability: true }),
    proxy: {
      logLevel: args['proxy-log-level'] as MeshConfig['proxy']['logLevel'],
      opaquePorts: (list(args, 'opaque-ports') ?? DEFAULT_OPAQUE_PORTS.map(String)).map((p) => port('opaque-ports', p)),
      skipInboundPorts: (list(args, 'skip-inbound-ports') ?? []).map((p) => portRange('skip-inbound-ports', p)),
      skipOutboundPorts: (list(args, 'skip-outbound-ports') ?? []).map((p) => portRange('skip-outbound-ports', p)),
      defaultInboundPolicy: args['default-inbound-policy'] as string,
      ...resources(args),
      shutdownGraceSeconds: wholeSeconds(args, 'shutdown-grace-period', 0),
    },
  };
}

function resources(args: Args): Partial<MeshConfig['proxy']> {
  const given = {
    cpuRequest: quantity(args, 'proxy-cpu-request', 'cpu'),
    cpuLimit: quantity(args, 'proxy-cpu-limit', 'cpu'),
    memoryRequest: quantity(args, 'proxy-memory-request', 'memory'),
    memoryLimit: quantity(args, 'proxy-memory-limit', 'memory'),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** What is signed ends with what signed it, and a CA is replaced at two thirds of its life: the last third has to hold a whole life below. */
const LIVES = 3;

function identity(args: Args): MeshConfig['identity'] {
  const [leaf, issuer, anchor] = ['issuance-lifetime', 'issuer-lifetime', 'anchor-lifetime'].map((name) => wholeSeconds(args, name, 60_000)) as [number, number, number];
  for (const [name, life, below, lifeBelow] of [['issuer', issuer, 'issuance', leaf], ['anchor', anchor, 'issuer', issuer]] as const) {
    if (life < LIVES * lifeBelow) throw new UsageError(`--${name}-lifetime has to be at least ${LIVES} times --${below}-lifetime, so that nothing is cut short: make it ${LIVES * lifeBelow}s or more.`);
  }
  return {
    authority: authorityFiles(args) ? 'given' : 'automatic',
    issuanceLifetimeSeconds: leaf,
    issuerLifetimeSeconds: issuer,
    anchorLifetimeSeconds: anchor,
    rotationPatienceSeconds: wholeSeconds(args, 'rotation-patience', 0),
    clockSkewSeconds: CLOCK_SKEW_SECONDS,
  };
}

function authorityFiles(args: Args): AuthorityFiles | undefined {
  const certificate = text(args, 'identity-issuer-certificate-file');
  const key = text(args, 'identity-issuer-key-file');
  const anchors = text(args, 'identity-trust-anchors-file');
  if (flag(args, 'identity-external-issuer')) {
    if (!certificate && !key) return { issuer: undefined, anchors };
    throw new UsageError('--identity-external-issuer says that somebody else writes Secret mesh-identity-issuer: leave out --identity-issuer-certificate-file and --identity-issuer-key-file.');
  }
  if (!certificate && !key && !anchors) return undefined;
  if (certificate && key && anchors) return { issuer: { certificate, key }, anchors };
  throw new UsageError(
    'Your own certificates come as three files: give --identity-issuer-certificate-file, --identity-issuer-key-file and --identity-trust-anchors-file '
    + 'together, or none of them to have an authority made and rotated by the mesh.');
}

function wholeSeconds(args: Args, name: string, minMs: number): number {
  const seconds = durationMs(args, name, minMs) / 1000;
  if (Number.isInteger(seconds)) return seconds;
  throw new UsageError(`--${name} takes whole seconds, not ${text(args, name)}.`);
}

/** An RFC 1123 subdomain. */
function dnsName(args: Args, name: string): string {
  const value = text(args, name) ?? '';
  const label = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
  if (value.length <= 253 && new RegExp(`^${label}(\\.${label})*$`).test(value)) return value;
  throw new UsageError(`--${name} takes a DNS name in lower case such as cluster.local, not ${JSON.stringify(value)}.`);
}

function registry(args: Args): string {
  const value = (text(args, 'registry') ?? '').replace(/\/+$/, '');
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?(\/[a-z0-9._-]+)*$/.test(value)) return value;
  throw new UsageError(`--registry takes what stands before the image's name, such as registry.example.com/mesh, not ${JSON.stringify(value)}.`);
}

/** A Kubernetes quantity: CPU as cores or millicores, memory as bytes with a suffix. */
function quantity(args: Args, name: string, of: 'cpu' | 'memory'): string | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const pattern = of === 'cpu' ? /^(\d+(\.\d+)?|\d+m)$/ : /^\d+(\.\d+)?([kMGTPE]i?|Ki)?$/;
  if (pattern.test(value)) return value;
  throw new UsageError(`--${name} takes a quantity such as ${of === 'cpu' ? '100m or 0.5' : '64Mi'}, not ${JSON.stringify(value)}.`);
}

function port(name: string, value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && number <= 65535) return number;
  throw new UsageError(`--${name} takes ports from 1 to 65535 separated by commas; ${JSON.stringify(value)} is none.`);
}

/** `80` or `8000-8010`. */
function portRange(name: string, value: string): string {
  const [from, to, ...more] = value.split('-');
  const first = port(name, from ?? '');
  if (more.length > 0 || (to !== undefined && port(name, to) < first)) {
    throw new UsageError(`--${name} takes ports and ranges such as 25,8000-8010; ${JSON.stringify(value)} is neither.`);
  }
  return value;
}

function cidr(value: string): string {
  if (value.includes('/') && parseCidr(value)) return value;
  throw new UsageError(`--cluster-networks takes networks such as 10.0.0.0/8,fd00::/8; ${JSON.stringify(value)} is none.`);
}
