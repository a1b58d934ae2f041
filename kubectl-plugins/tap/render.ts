import type { TapEvent } from '../../api/metrics-api.ts';

const GRPC_CODES = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED',
];

/** One line: what happened, then key=value pairs as Linkerd's tap prints them. */
export function tapLine(event: TapEvent, wide: boolean): string {
  const words = [kindOf(event), `id=${event.id}`, `proxy=${event.proxyDirection === 'INBOUND' ? 'in ' : 'out'}`];
  words.push(`src=${endpoint(event.source)}`, `dst=${endpoint(event.destination)}`, `tls=${tlsOf(event)}`);
  words.push(...detail(event));
  const { fault } = event.destination.metadata;
  if (fault !== undefined) words.push(`injected=${fault}`);
  if (wide) words.push(...labels('src', event.source.metadata), ...labels('dst', event.destination.metadata), ...labels('rt', event.routeMeta ?? {}));
  return `${words.map(printable).join(' ')}\n`;
}

function kindOf(event: TapEvent): string {
  if (event.requestInit) return 'req';
  return event.responseInit ? 'rsp' : 'end';
}

function detail({ requestInit, responseInit, responseEnd }: TapEvent): string[] {
  if (requestInit) return [`:method=${requestInit.method}`, `:authority=${requestInit.authority}`, `:path=${requestInit.path}`];
  if (responseInit) return [`:status=${responseInit.httpStatus}`, `latency=${responseInit.sinceRequestInitMicros}µs`];
  if (!responseEnd) return [];
  const { grpcStatus, resetErrorCode } = responseEnd;
  return [
    ...(grpcStatus === undefined ? [] : [`grpc-status=${GRPC_CODES[grpcStatus] ?? grpcStatus}`]),
    ...(resetErrorCode === undefined ? [] : [`reset-error=${resetErrorCode}`]),
    `duration=${responseEnd.sinceResponseInitMicros}µs`,
    `response-length=${responseEnd.responseBytes}B`,
  ];
}

/** The proxy notes it on the far end of what it forwards, another one may on the near end. */
function tlsOf(event: TapEvent): string {
  return event.destination.metadata['tls'] ?? event.source.metadata['tls'] ?? 'false';
}

function endpoint({ ip, port }: { ip: string; port: number }): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function labels(prefix: string, metadata: Record<string, string>): string[] {
  return Object.entries(metadata).sort(([a], [b]) => a.localeCompare(b)).map(([key, value]) => `${prefix}_${key}=${value}`);
}

/** Paths and names come from whoever sent the request: control characters in them must not reach the terminal. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
