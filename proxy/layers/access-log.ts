/** One line on stdout for each inbound request, as Linkerd's access-log: `apache` (common log format with the client's identity) or `json`. */
import type { Clock } from '../../lib/clock.ts';
import { addrText, type ClientAddr } from '../accept/addr.ts';
import { field, type Fields, type Layer, type RequestHead, type RequestStream, type ResponseHead, type ResponseStream } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';

export type AccessLogFormat = 'apache' | 'json';

export interface AccessLogConfig {
  format: AccessLogFormat;
  clock: Clock;
  write: (line: string) => void;
  client: ClientAddr;
  /** '' for a client outside the mesh */
  clientId: string;
}

const VERSIONS = ['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0'] as const;

export function accessLog(config: AccessLogConfig): Layer {
  return (next) => (head, ended, client) => {
    const entry = new Entry(config, head, client);
    const up = next(head, ended, entry);
    return new Request(entry, up);
  };
}

class Entry implements ResponseStream {
  requestBytes = 0;
  private readonly config: AccessLogConfig;
  private readonly request: RequestHead;
  private readonly to: ResponseStream;
  private readonly startedAt: number;
  private readonly wall: number;
  private headAt = 0;
  private status = 0;
  private responseBytes = 0;
  private written = false;

  constructor(config: AccessLogConfig, request: RequestHead, to: ResponseStream) {
    this.config = config;
    this.request = request;
    this.to = to;
    this.startedAt = config.clock.now();
    this.wall = config.clock.wall();
  }

  informational(head: ResponseHead): void { this.to.informational(head); }
  credit(n: number): void { this.to.credit(n); }

  head(head: ResponseHead): void {
    this.status = head.status;
    this.headAt = this.config.clock.now();
    this.to.head(head);
  }

  data(buf: Buffer, start: number, end: number): void {
    this.responseBytes += end - start;
    this.to.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    this.log();
    this.to.end(trailers);
  }

  reset(reason: Reset): void {
    this.log();
    this.to.reset(reason);
  }

  log(): void {
    if (this.written) return;
    this.written = true;
    const { format, write } = this.config;
    write(`${format === 'json' ? this.json() : this.apache()}\n`);
  }

  private apache(): string {
    const { client, clientId } = this.config;
    const { method, path, version } = this.request;
    // A quote in the target would end the quoted part for whoever reads the log.
    const target = path.replaceAll('"', '%22');
    return `${addrText(client)} ${clientId || '-'} - [${new Date(this.wall).toISOString()}] "${method} ${target} ${VERSIONS[version]}" ${this.status || '-'}`;
  }

  private json(): string {
    const { clock, client, clientId } = this.config;
    const { method, path, authority, version, fields } = this.request;
    const now = clock.now();
    return JSON.stringify({
      'client.addr': addrText(client), 'client.id': clientId || '-', host: authority, method, uri: path, version: VERSIONS[version], status: this.status,
      processing_ns: String(Math.round(((this.headAt || now) - this.startedAt) * 1e6)), total_ns: String(Math.round((now - this.startedAt) * 1e6)),
      request_bytes: String(this.requestBytes), response_bytes: String(this.responseBytes), timestamp: new Date(this.wall).toISOString(),
      trace_id: traceId(fields), user_agent: field(fields, 'user-agent') ?? '',
    });
  }
}

class Request implements RequestStream {
  private readonly entry: Entry;
  private readonly up: RequestStream;
  constructor(entry: Entry, up: RequestStream) {
    this.entry = entry;
    this.up = up;
  }
  data(buf: Buffer, start: number, end: number): void {
    this.entry.requestBytes += end - start;
    this.up.data(buf, start, end);
  }
  end(trailers: Fields | null): void { this.up.end(trailers); }
  credit(n: number): void { this.up.credit(n); }
  reset(reason: Reset): void {
    this.entry.log();
    this.up.reset(reason);
  }
}

/** From W3C traceparent, else the headers that Linkerd reads. */
function traceId(fields: Fields): string {
  const parent = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(field(fields, 'traceparent') ?? '');
  return parent?.[1] ?? field(fields, 'x-b3-traceid') ?? field(fields, 'x-request-id') ?? field(fields, 'x-amzn-trace-id') ?? '';
}
