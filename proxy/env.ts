/**
 * The proxy's configuration, from its environment, read once. Every variable is MESH_PROXY_<NAME>; where Linkerd's proxy has one of the same
 * name and meaning, LINKERD2_PROXY_<NAME> is understood too.
 */
import { DEFAULT_OPAQUE_PORTS, PORTS } from '../api/ports.ts';
import { parseCidr, type Cidr } from '../lib/cidr.ts';
import { splitHostPort } from './accept/addr.ts';
import type { AccessLogFormat } from './layers/access-log.ts';
import { parseLevel, type Level } from './log.ts';
import type { TcpOptions } from './tcp/options.ts';

export interface Listen { host: string; port: number }
/** A control-plane service: where it is, and the identity that it must prove (null: a loopback address in clear text). */
export interface ServiceAddr { host: string; port: number; identity: string | null }

export interface ProxyEnv {
  logLevel: Level;
  identity: {
    /** our DNS SAN */
    name: string;
    spiffe: string;
    tokenFile: string;
    anchorsFile: string;
    /** PEM given inline; '' to read anchorsFile */
    anchors: string;
    service: ServiceAddr;
  };
  destination: { service: ServiceAddr; context: string };
  policy: { service: ServiceAddr; workload: string };
  /** identity that may tap; '' for nobody */
  tapIdentity: string;
  podIps: string[];
  /** ports of the application, watched from the start */
  inboundPorts: number[];
  opaquePorts: number[];
  /** destinations outside are connected to directly, without asking the control plane */
  clusterNetworks: Cidr[];
  defaultInboundPolicy: string;
  listen: { inbound: Listen; outbound: Listen; admin: Listen; tap: Listen };
  /** by who opened the connection and which way it goes */
  tcp: { inboundAccept: TcpOptions; inboundConnect: TcpOptions; outboundAccept: TcpOptions; outboundConnect: TcpOptions };
  /** milliseconds */
  connectTimeoutMs: { inbound: number; outbound: number };
  shutdownGraceMs: number;
  /** one line on stdout for each inbound request; null for none */
  accessLog: AccessLogFormat | null;
  /** "ip:port" that every connection counts as meant for, where nothing redirects (tests, benches); '' otherwise */
  origDst: { inbound: string; outbound: string };
}

export class EnvError extends Error {}

const KEEP_ALIVE_MS = 10_000;
const USER_TIMEOUT_MS = 30_000;
const SUFFIX = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

export function parseEnv(env: Record<string, string | undefined>): ProxyEnv {
  const get = (name: string): string | undefined => env[`MESH_PROXY_${name}`] ?? env[`LINKERD2_PROXY_${name}`];
  const bad = (name: string, why: string): never => {
    throw new EnvError(`MESH_PROXY_${name}: ${why}`);
  };
  const need = (name: string): string => get(name) ?? bad(name, 'must be set');
  const addr = (name: string, text: string): Listen => {
    try {
      return splitHostPort(text);
    } catch (e) {
      return bad(name, (e as Error).message);
    }
  };
  const listen = (name: string, fallback: string): Listen => addr(name, (get(name) ?? fallback).split(',')[0]!);
  const service = (name: string): ServiceAddr => {
    const a = addr(`${name}_SVC_ADDR`, need(`${name}_SVC_ADDR`));
    return { ...a, identity: isLoopback(a.host) ? null : need(`${name}_SVC_NAME`) };
  };
  const ports = (name: string, fallback: number[]): number[] => {
    const text = get(name);
    if (text === undefined) return fallback;
    return list(text).flatMap((p) => portRange(p) ?? bad(name, `"${p}" is not a port or a range of ports`));
  };
  const duration = (name: string, fallback: number): number => {
    const text = get(name);
    if (text === undefined) return fallback;
    const m = /^(\d+)(ms|s|m|h)?$/.exec(text);
    return m ? Number(m[1]) * SUFFIX[(m[2] ?? 'ms') as keyof typeof SUFFIX] : bad(name, `"${text}" is not a duration such as 500ms or 10s`);
  };
  const tcp = (name: string, userTimeoutMs: number): TcpOptions => ({
    keepAliveMs: duration(`${name}_KEEPALIVE`, KEEP_ALIVE_MS), userTimeoutMs: duration(`${name}_USER_TIMEOUT`, userTimeoutMs),
  });
  const level = get('LOG') ?? 'info';
  return {
    logLevel: parseLevel(level) ?? (/(?:^|[,=])(trace|debug)/.test(level) ? 'debug' : 'warn'),
    identity: {
      name: need('IDENTITY_LOCAL_NAME'),
      spiffe: get('IDENTITY_SPIFFE_ID') ?? '',
      tokenFile: need('IDENTITY_TOKEN_FILE'),
      anchorsFile: get('IDENTITY_TRUST_ANCHORS_FILE') ?? '',
      anchors: get('IDENTITY_TRUST_ANCHORS') ?? (get('IDENTITY_TRUST_ANCHORS_FILE') === undefined ? bad('IDENTITY_TRUST_ANCHORS_FILE', 'must be set') : ''),
      service: service('IDENTITY'),
    },
    destination: { service: service('DESTINATION'), context: get('DESTINATION_CONTEXT') ?? '' },
    policy: { service: service('POLICY'), workload: need('POLICY_WORKLOAD') },
    tapIdentity: get('TAP_SVC_NAME') ?? '',
    podIps: list(get('POD_IPS') ?? get('INBOUND_IPS') ?? get('POD_IP') ?? ''),
    inboundPorts: ports('INBOUND_PORTS', []),
    opaquePorts: ports('OPAQUE_PORTS', get('INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION') === undefined ? DEFAULT_OPAQUE_PORTS : ports('INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION', [])),
    clusterNetworks: list(get('CLUSTER_NETWORKS') ?? get('POLICY_CLUSTER_NETWORKS') ?? '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8')
      .map((c) => parseCidr(c) ?? bad('CLUSTER_NETWORKS', `"${c}" is not a CIDR`)),
    defaultInboundPolicy: get('INBOUND_DEFAULT_POLICY') ?? 'all-unauthenticated',
    listen: {
      inbound: listen('INBOUND_LISTEN_ADDR', `0.0.0.0:${PORTS.inbound}`),
      outbound: listen(get('OUTBOUND_LISTEN_ADDRS') === undefined ? 'OUTBOUND_LISTEN_ADDR' : 'OUTBOUND_LISTEN_ADDRS', `127.0.0.1:${PORTS.outbound}`),
      admin: listen('ADMIN_LISTEN_ADDR', `0.0.0.0:${PORTS.admin}`),
      tap: listen(get('CONTROL_LISTEN_ADDR') === undefined ? 'TAP_LISTEN_ADDR' : 'CONTROL_LISTEN_ADDR', `0.0.0.0:${PORTS.tap}`),
    },
    // A peer that stays silent is given up on, as Linkerd's injector sets it; the application is on this side of any network that could fail.
    tcp: {
      inboundAccept: tcp('INBOUND_ACCEPT', USER_TIMEOUT_MS), inboundConnect: tcp('INBOUND_CONNECT', 0),
      outboundAccept: tcp('OUTBOUND_ACCEPT', 0), outboundConnect: tcp('OUTBOUND_CONNECT', USER_TIMEOUT_MS),
    },
    connectTimeoutMs: { inbound: duration('INBOUND_CONNECT_TIMEOUT', 1000), outbound: duration('OUTBOUND_CONNECT_TIMEOUT', 1000) },
    shutdownGraceMs: get('SHUTDOWN_GRACE_SECONDS') === undefined ? duration('SHUTDOWN_GRACE_PERIOD', 30_000) : Number(get('SHUTDOWN_GRACE_SECONDS')) * 1000,
    accessLog: accessLog(get('ACCESS_LOG'), bad),
    origDst: { inbound: get('INBOUND_ORIG_DST') ?? '', outbound: get('OUTBOUND_ORIG_DST') ?? '' },
  };
}

function accessLog(text: string | undefined, bad: (name: string, why: string) => never): AccessLogFormat | null {
  if (text === undefined || text === '') return null;
  return text === 'apache' || text === 'json' ? text : bad('ACCESS_LOG', `"${text}" is neither apache nor json`);
}

function list(text: string): string[] {
  return text.split(',').map((s) => s.trim()).filter((s) => s !== '');
}

function portRange(text: string): number[] | null {
  const m = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (m === null) return null;
  const from = Number(m[1]);
  const to = m[2] === undefined ? from : Number(m[2]);
  if (from < 1 || to > 65535 || to < from) return null;
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
