/**
 * The proxy's configuration, from its environment, read once. Every variable is MESH_PROXY_<NAME>; where Linkerd's proxy has one of the same
 * name and meaning, LINKERD2_PROXY_<NAME> is understood too.
 */
import { DEFAULT_OPAQUE_PORTS, PORTS } from '../api/ports.ts';
import { parseCidr, type Cidr } from '../lib/cidr.ts';
import { splitHostPort } from './accept/addr.ts';
import type { AccessLogFormat } from './layers/access-log.ts';
import { isLogFormat, parseLevel, type Level, type LogFormat } from './log.ts';
import type { TcpOptions } from './tcp/options.ts';

export interface Listen { host: string; port: number }
/** A control-plane service: where it is, and the identity that it must prove (null: a loopback address in clear text). */
export interface ServiceAddr { host: string; port: number; identity: string | null }

export interface ProxyEnv {
  logLevel: Level;
  logFormat: LogFormat;
  /** POST /shutdown from inside the pod ends the proxy */
  shutdownEndpoint: boolean;
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
  /** collector of spans (OTLP over gRPC), and the attributes of what they come from; null for none */
  trace: { service: ServiceAddr; attributes: Record<string, string>; attributesFile: string } | null;
  /** identity that may tap; '' for nobody */
  tapIdentity: string;
  podIps: string[];
  /** ports of the application, watched from the start */
  inboundPorts: number[];
  opaquePorts: number[];
  /** ports whose clients have to prove an identity, whatever the default policy says */
  identityPorts: number[];
  /** destinations outside are connected to directly, without asking the control plane */
  clusterNetworks: Cidr[];
  defaultInboundPolicy: string;
  listen: { inbound: Listen; outbound: Listen; admin: Listen; tap: Listen };
  /** by who opened the connection and which way it goes */
  tcp: { inboundAccept: TcpOptions; inboundConnect: TcpOptions; outboundAccept: TcpOptions; outboundConnect: TcpOptions };
  /** how long detection waits for the next piece of a first line, milliseconds */
  detectMs: { inbound: number; outbound: number };
  /** milliseconds */
  connectTimeoutMs: { inbound: number; outbound: number };
  /** what the control plane said about a port of the application, or about a destination, is forgotten so long after its last connection; milliseconds */
  discoveryIdleMs: { inbound: number; outbound: number };
  /** when a connection to an endpoint is replaced by a new one; 0 is never */
  reuse: { maxRequests: number; maxAgeMs: number };
  shutdownGraceMs: number;
  /** one line on stdout for each inbound request; null for none */
  accessLog: AccessLogFormat | null;
  /** how the proxy calls itself in Via; '' for not at all */
  via: string;
  /** "ip:port" that every connection counts as meant for, where nothing redirects (tests, benches); '' otherwise */
  origDst: { inbound: string; outbound: string };
}

/** Every problem of an environment, one line each that names the variable. */
export class EnvError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

const KEEP_ALIVE_MS = 10_000;
const USER_TIMEOUT_MS = 30_000;
const SUFFIX = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const NOWHERE: Listen = { host: '', port: 0 };

/** Reads variables and keeps what is wrong with them; after a problem it goes on with a value that nobody will use. */
class Reader {
  readonly problems: string[] = [];
  private readonly env: Record<string, string | undefined>;

  constructor(env: Record<string, string | undefined>) {
    this.env = env;
  }

  get(name: string): string | undefined {
    return this.env[`MESH_PROXY_${name}`] ?? this.env[`LINKERD2_PROXY_${name}`];
  }

  /** The first of these names that is set, or the first. */
  present(...names: string[]): string {
    return names.find((n) => this.get(n) !== undefined) ?? names[0]!;
  }

  bad<T>(name: string, why: string, instead: T): T {
    this.problems.push(`MESH_PROXY_${name}: ${why}`);
    return instead;
  }

  need(name: string): string {
    return this.get(name) ?? this.bad(name, 'must be set', '');
  }

  /** the value as `parse` understands it; `what` names what it has to be */
  parsed<T>(name: string, text: string, parse: (text: string) => T | null, what: string, instead: T): T {
    return parse(text) ?? this.bad(name, `"${text}" is not ${what}`, instead);
  }

  listen(name: string, fallback: string): Listen {
    return this.addr(name, (this.get(name) ?? fallback).split(',')[0]!);
  }

  addr(name: string, text: string): Listen {
    try {
      return splitHostPort(text);
    } catch (e) {
      return this.bad(name, (e as Error).message, NOWHERE);
    }
  }

  service(name: string): ServiceAddr {
    const text = this.get(`${name}_SVC_ADDR`);
    if (text === undefined) return this.bad(`${name}_SVC_ADDR`, 'must be set', { ...NOWHERE, identity: null });
    const a = this.addr(`${name}_SVC_ADDR`, text);
    return { ...a, identity: a === NOWHERE || isLoopback(a.host) ? null : this.need(`${name}_SVC_NAME`) };
  }

  ports(name: string, fallback: number[]): number[] {
    const text = this.get(name);
    if (text === undefined) return fallback;
    return list(text).flatMap((p) => this.parsed(name, p, portRange, 'a port or a range of ports', []));
  }

  /** a whole number; 0 when it is not set */
  count(name: string): number {
    const text = this.get(name) ?? '0';
    return this.parsed(name, text, (n) => (/^\d{1,9}$/.test(n) ? Number(n) : null), 'a number', 0);
  }

  duration(name: string, fallback: number): number {
    const text = this.get(name);
    return text === undefined ? fallback : this.parsed(name, text, durationMs, 'a duration such as 500ms or 10s', fallback);
  }
}

/** Throws EnvError with all that is wrong. */
export function parseEnv(env: Record<string, string | undefined>): ProxyEnv {
  const r = new Reader(env);
  const parsed = readAll(r);
  if (r.problems.length > 0) throw new EnvError(r.problems);
  return parsed;
}

function readAll(r: Reader): ProxyEnv {
  const anchors = r.get('IDENTITY_TRUST_ANCHORS') ?? '';
  return {
    logLevel: r.parsed('LOG', r.get('LOG') ?? 'info', parseLevel, 'error, warn, info or debug', 'info'),
    logFormat: r.parsed('LOG_FORMAT', r.get('LOG_FORMAT') ?? 'json', (t) => (isLogFormat(t) ? t : null), 'json or plain', 'json'),
    shutdownEndpoint: r.parsed('SHUTDOWN_ENDPOINT_ENABLED', r.get('SHUTDOWN_ENDPOINT_ENABLED') ?? 'true', (t) => (t === 'true' ? true : t === 'false' ? false : null), 'true or false', true),
    identity: {
      name: r.need('IDENTITY_LOCAL_NAME'),
      spiffe: r.get('IDENTITY_SPIFFE_ID') ?? '',
      tokenFile: r.need('IDENTITY_TOKEN_FILE'),
      anchorsFile: anchors === '' ? r.need('IDENTITY_TRUST_ANCHORS_FILE') : '',
      anchors,
      service: r.service('IDENTITY'),
    },
    destination: { service: r.service('DESTINATION'), context: r.get('DESTINATION_CONTEXT') ?? '' },
    policy: { service: r.service('POLICY'), workload: r.need('POLICY_WORKLOAD') },
    trace: traceOf(r),
    tapIdentity: r.get('TAP_SVC_NAME') ?? '',
    podIps: list(r.get('POD_IPS') ?? r.get('INBOUND_IPS') ?? r.get('POD_IP') ?? ''),
    inboundPorts: r.ports('INBOUND_PORTS', []),
    opaquePorts: r.ports(r.present('OPAQUE_PORTS', 'INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION'), DEFAULT_OPAQUE_PORTS),
    identityPorts: r.ports('INBOUND_PORTS_REQUIRE_IDENTITY', []),
    clusterNetworks: list(r.get('CLUSTER_NETWORKS') ?? r.get('POLICY_CLUSTER_NETWORKS') ?? '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8')
      .flatMap((c) => parseCidr(c) ?? r.bad<Cidr[]>('CLUSTER_NETWORKS', `"${c}" is not a CIDR`, [])),
    defaultInboundPolicy: r.get('INBOUND_DEFAULT_POLICY') ?? 'all-unauthenticated',
    listen: {
      inbound: r.listen('INBOUND_LISTEN_ADDR', `0.0.0.0:${PORTS.inbound}`),
      outbound: r.listen(r.present('OUTBOUND_LISTEN_ADDRS', 'OUTBOUND_LISTEN_ADDR'), `127.0.0.1:${PORTS.outbound}`),
      admin: r.listen('ADMIN_LISTEN_ADDR', `0.0.0.0:${PORTS.admin}`),
      tap: r.listen(r.present('CONTROL_LISTEN_ADDR', 'TAP_LISTEN_ADDR'), `0.0.0.0:${PORTS.tap}`),
    },
    // A peer that stays silent is given up on, as Linkerd's injector sets it; the application is on this side of any network that could fail.
    tcp: {
      inboundAccept: tcpOptions(r, 'INBOUND_ACCEPT', USER_TIMEOUT_MS), inboundConnect: tcpOptions(r, 'INBOUND_CONNECT', 0),
      outboundAccept: tcpOptions(r, 'OUTBOUND_ACCEPT', 0), outboundConnect: tcpOptions(r, 'OUTBOUND_CONNECT', USER_TIMEOUT_MS),
    },
    detectMs: { inbound: detectMs(r, 'INBOUND_DETECT_TIMEOUT'), outbound: detectMs(r, 'OUTBOUND_DETECT_TIMEOUT') },
    connectTimeoutMs: { inbound: r.duration('INBOUND_CONNECT_TIMEOUT', 1000), outbound: r.duration('OUTBOUND_CONNECT_TIMEOUT', 1000) },
    discoveryIdleMs: { inbound: r.duration('INBOUND_DISCOVERY_IDLE_TIMEOUT', 90_000), outbound: r.duration('OUTBOUND_DISCOVERY_IDLE_TIMEOUT', 5 * 60_000) },
    reuse: { maxRequests: r.count('OUTBOUND_CONNECTION_MAX_REQUESTS'), maxAgeMs: r.duration('OUTBOUND_CONNECTION_MAX_AGE', 0) },
    shutdownGraceMs: graceMs(r),
    accessLog: accessLog(r),
    via: r.parsed('VIA', r.get('VIA') ?? '', (t) => (/^[\w!#$%&'*+.^`|~-]{0,64}$/.test(t) ? t : null), 'a token of RFC 9110, at most 64 bytes', ''),
    origDst: { inbound: fixedDst(r, 'INBOUND_ORIG_DST'), outbound: fixedDst(r, 'OUTBOUND_ORIG_DST') },
  };
}

/** Timers have a longest time. */
function detectMs(r: Reader, name: string): number {
  return Math.min(r.duration(name, 1_000), 24 * 3_600_000);
}

function tcpOptions(r: Reader, name: string, userTimeoutMs: number): TcpOptions {
  return { keepAliveMs: r.duration(`${name}_KEEPALIVE`, KEEP_ALIVE_MS), userTimeoutMs: r.duration(`${name}_USER_TIMEOUT`, userTimeoutMs) };
}

/** A collector without an identity is spoken to in clear text. */
function traceOf(r: Reader): ProxyEnv['trace'] {
  const addr = r.get('TRACE_COLLECTOR_SVC_ADDR') ?? '';
  const [identity, attributesFile, service] = [r.get('TRACE_COLLECTOR_SVC_NAME') ?? '', r.get('TRACE_ATTRIBUTES_PATH') ?? '', r.get('TRACE_SERVICE_NAME')];
  const extra = attributes(r.get('TRACE_EXTRA_ATTRIBUTES') ?? '');
  if (addr === '') return null;
  return {
    service: { ...r.addr('TRACE_COLLECTOR_SVC_ADDR', addr), identity: identity === '' ? null : identity },
    attributes: { 'service.name': service ?? 'mesh-proxy', ...extra }, attributesFile,
  };
}

/** Lines of key=value, the value perhaps in quotes, as the downward API writes labels. */
export function attributes(text: string): Record<string, string> {
  const pairs = text.split('\n').flatMap((line) => /^\s*([^=\s]+)=(.*?)\s*$/.exec(line)?.slice(1, 3) ?? []);
  return Object.fromEntries(pairs.flatMap((key, i) => (i % 2 === 0 ? [[key, pairs[i + 1]!.replace(/^"(.*)"$/, '$1')]] : [])));
}

function graceMs(r: Reader): number {
  const seconds = r.get('SHUTDOWN_GRACE_SECONDS');
  const period = r.duration('SHUTDOWN_GRACE_PERIOD', 30_000);
  if (seconds === undefined) return period;
  return r.parsed('SHUTDOWN_GRACE_SECONDS', seconds, (t) => (/^\d{1,6}$/.test(t) ? Number(t) * 1000 : null), 'a whole number of seconds', period);
}

function accessLog(r: Reader): AccessLogFormat | null {
  const text = r.get('ACCESS_LOG') ?? '';
  if (text === '') return null;
  return r.parsed('ACCESS_LOG', text, (t) => (t === 'apache' || t === 'json' ? t : null), 'apache or json', 'apache');
}

/** "ip:port", or '' when it is not set */
function fixedDst(r: Reader, name: string): string {
  const text = r.get(name) ?? '';
  if (text !== '') r.addr(name, text);
  return text;
}

function durationMs(text: string): number | null {
  const m = /^(\d+)(ms|s|m|h)?$/.exec(text);
  return m === null ? null : Number(m[1]) * SUFFIX[(m[2] ?? 'ms') as keyof typeof SUFFIX];
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
