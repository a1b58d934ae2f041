import { type TapEvent as WireEvent, TapEvent_ProxyDirection } from '../../api/gen/tap_pb.js';
import { type Headers, HttpMethod_Registered, Scheme_Registered } from '../../api/gen/http_types_pb.js';
import type { TcpAddress } from '../../api/gen/net_pb.js';
import type { TapEvent } from '../../api/metrics-api.ts';
import type { Plain } from '../../lib/grpc/wire.ts';
import type { PodFacts } from '../metrics/facts.ts';

type Wire = Plain<WireEvent>;
type Http = NonNullable<Extract<Wire['event'], { case: 'http' }>['value']>['event'];

/** Fields whose values are secrets: whoever may watch traffic may not therefore act as its users. */
const SECRET = /^(authorization|proxy-authorization|cookie|set-cookie|x-csrf-token|x-xsrf-token)$|(^|[-_])(api-?key|token|secret|password|passwd)([-_]|$)/i;
const REDACTED = '[redacted]';

export function redact(fields: readonly [string, string][]): [string, string][] {
  return fields.map(([name, value]) => [name, SECRET.test(name) ? REDACTED : value]);
}

function headersOf(headers: Plain<Headers> | undefined): [string, string][] {
  return redact((headers?.headers ?? []).map((h): [string, string] => [h.name, Buffer.from(h.value).toString('latin1')]));
}

function ipOf(address: Plain<TcpAddress> | undefined): string {
  const ip = address?.ip?.ip;
  if (ip?.case === 'ipv4') return [24, 16, 8, 0].map((bits) => (ip.value >>> bits) & 0xff).join('.');
  if (ip?.case !== 'ipv6') return '';
  const words = [ip.value.first, ip.value.last].flatMap((half) => [48n, 32n, 16n, 0n].map((bits) => Number((half >> bits) & 0xffffn).toString(16)));
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}

const micros = (d: { seconds: bigint; nanos: number } | undefined): number => (d === undefined ? 0 : Number(d.seconds) * 1e6 + Math.round(d.nanos / 1000));

/** What the cluster knows of an address, for what the proxy did not say itself. */
function known(labels: Record<string, string> | undefined, pod: PodFacts | undefined): Record<string, string> {
  return { ...(pod && { namespace: pod.namespace, pod: pod.name, ...pod.owners }), ...labels };
}

/** The event as the tap API gives it; undefined for one that is not about HTTP. `byIp` finds the pod of an address. */
export function toEvent(pod: string, wire: Wire, byIp: (ip: string) => PodFacts | undefined): TapEvent | undefined {
  const http = wire.event.case === 'http' ? wire.event.value.event : undefined;
  if (http === undefined || http.case === undefined) return undefined;
  const end = (address: Plain<TcpAddress> | undefined, meta: { labels: Record<string, string> } | undefined): TapEvent['source'] => {
    const ip = ipOf(address);
    return { ip, port: address?.port ?? 0, metadata: known(meta?.labels, byIp(ip)) };
  };
  const id = http.value.id;
  return {
    pod,
    id: `${id?.base ?? 0}.${id?.stream ?? 0n}`,
    proxyDirection: wire.proxyDirection === TapEvent_ProxyDirection.OUTBOUND ? 'OUTBOUND' : 'INBOUND',
    source: end(wire.source, wire.sourceMeta),
    destination: end(wire.destination, wire.destinationMeta),
    ...(wire.routeMeta && Object.keys(wire.routeMeta.labels).length > 0 && { routeMeta: wire.routeMeta.labels }),
    ...part(http),
  };
}

function part(http: Http): Pick<TapEvent, 'requestInit' | 'responseInit' | 'responseEnd'> {
  switch (http.case) {
    case 'requestInit': {
      const { method, scheme, authority, path, headers } = http.value;
      const methodName = method?.type.case === 'registered' ? HttpMethod_Registered[method.type.value] : method?.type.value;
      const schemeName = scheme?.type.case === 'registered' ? Scheme_Registered[scheme.type.value]?.toLowerCase() : scheme?.type.value;
      return { requestInit: { method: methodName ?? '', scheme: schemeName ?? '', authority, path, headers: headersOf(headers) } };
    }
    case 'responseInit':
      return { responseInit: { sinceRequestInitMicros: micros(http.value.sinceRequestInit), httpStatus: http.value.httpStatus, headers: headersOf(http.value.headers) } };
    case 'responseEnd': {
      const { eos, responseBytes, trailers } = http.value;
      return {
        responseEnd: {
          sinceRequestInitMicros: micros(http.value.sinceRequestInit),
          sinceResponseInitMicros: micros(http.value.sinceResponseInit),
          responseBytes: Number(responseBytes),
          ...(eos?.end.case === 'grpcStatusCode' && { grpcStatus: eos.end.value }),
          ...(eos?.end.case === 'resetErrorCode' && { resetErrorCode: eos.end.value }),
          trailers: headersOf(trailers),
        },
      };
    }
    default: return {};
  }
}
