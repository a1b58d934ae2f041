/** Command lines of the echo program: the flags that the conformance suite's manifests and tests use. */
import { parseArgs } from 'node:util';

export class UsageError extends Error {}

export interface ServerOptions {
  http: number[];
  https: number[];
  grpc: number[];
  tcp: number[];
}

function ports(flag: string, values: string[] | undefined): number[] {
  return (values ?? []).map((text) => {
    const port = Number(text);
    if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw new UsageError(`--${flag}: "${text}" is no port. Ports are 1 to 65535.`);
    return port;
  });
}

function usage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** `--port` gives a port, `--tls` says that one of them is to speak TLS. The certificate files that go with it are made at start when they are not there. */
export function serverOptions(args: string[]): ServerOptions {
  const many = { type: 'string', multiple: true } as const;
  const { values } = usage(() => parseArgs({ args, options: { port: many, tls: many, grpc: many, tcp: many, crt: { type: 'string' }, key: { type: 'string' } } }));
  const https = ports('tls', values.tls);
  return { http: ports('port', values.port).filter((p) => !https.includes(p)), https, grpc: ports('grpc', values.grpc), tcp: ports('tcp', values.tcp) };
}

export interface ClientOptions {
  url: URL;
  method: string;
  /** name, value, … */
  headers: string[];
  count: number;
}

const SCHEMES = ['http:', 'https:', 'grpc:'];

export function clientOptions(args: string[]): ClientOptions {
  const { values, positionals } = usage(() => parseArgs({
    args, allowPositionals: true,
    options: { method: { type: 'string', default: 'GET' }, header: { type: 'string', short: 'H', multiple: true }, count: { type: 'string', default: '1' } },
  }));
  const [text = ''] = positionals;
  if (positionals.length !== 1 || !URL.canParse(text)) throw new UsageError('client takes one URL, such as http://echo/path.');
  const url = new URL(text);
  if (!SCHEMES.includes(url.protocol)) throw new UsageError(`client does not know ${url.protocol}// in ${text}; it knows ${SCHEMES.join(', ')}`);
  const count = Number(values.count);
  if (!Number.isInteger(count) || count < 1) throw new UsageError(`--count: "${values.count}" is not a whole number of 1 and more.`);
  const headers = (values.header ?? []).flatMap((h) => {
    const at = h.indexOf(':');
    if (at < 1) throw new UsageError(`-H: "${h}" is not of the form name:value.`);
    return [h.slice(0, at), h.slice(at + 1).trim()];
  });
  return { url, method: values.method, headers, count };
}
