/** The text form that Gateway API's conformance suite reads (its utils/echo): one `Name=value` a line. */

export interface Seen {
  version: string;
  port: number;
  host: string;
  /** path with query; '' for gRPC */
  url: string;
  method: string;
  protocol: string;
  ip: string;
  hostname: string;
  /** name, value, name, value, … */
  headers: readonly string[];
}

/** A header's name as Go's net/http writes it, which is what the suite looks for: X-Header-Set. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (s) => s.toUpperCase());
}

function* pairs(flat: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [flat[i]!, flat[i + 1]!];
}

/** What the server answers with. */
export function seenLines(s: Seen): string[] {
  return [
    `ServiceVersion=${s.version}`, `ServicePort=${s.port}`, `Host=${s.host}`, `URL=${s.url}`, `Method=${s.method}`, `Proto=${s.protocol}`, `IP=${s.ip}`,
    ...[...pairs(s.headers)].map(([name, value]) => `RequestHeader=${canonicalName(name)}:${value}`),
    `Hostname=${s.hostname}`,
  ];
}

export interface Received {
  url: string;
  status: number;
  headers: readonly string[];
  body: string;
}

/** What the client prints of the n-th answer; answers are separated by an empty line. */
export function receivedLines(n: number, r: Received): string[] {
  return [
    `[${n}] Url=${r.url}`, `[${n}] StatusCode=${r.status}`,
    ...[...pairs(r.headers)].map(([name, value]) => `[${n}] ResponseHeader=${canonicalName(name)}:${value}`),
    ...r.body.split('\n').filter((line) => line !== '').map((line) => `[${n} body] ${line}`),
  ];
}
