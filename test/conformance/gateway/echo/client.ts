import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { credentials, Metadata, makeGenericClientConstructor } from '@grpc/grpc-js';
import { ECHO_SERVICE } from './definition.ts';
import { receivedLines, type Received } from './lines.ts';
import type { ClientOptions } from './options.ts';

const TIMEOUT_MS = 15_000;
/** The suite compares HTTP statuses, of gRPC too. */
const GRPC_OK = 200;

/** Sends the requests one after the other on one connection and prints each answer. Redirects are not followed. */
export async function run(options: ClientOptions, print: (text: string) => void): Promise<void> {
  const send = options.url.protocol === 'grpc:' ? grpcSender(options) : httpSender(options);
  for (let n = 0; n < options.count; n++) print(`${receivedLines(n, await send.one()).join('\n')}\n\n`);
  send.close();
}

interface Sender { one(): Promise<Received>; close(): void }

function httpSender({ url, method, headers }: ClientOptions): Sender {
  const tls = url.protocol === 'https:';
  const agent = tls ? new HttpsAgent({ keepAlive: true, rejectUnauthorized: false }) : new HttpAgent({ keepAlive: true });
  const named = headers.some((h, i) => i % 2 === 0 && h.toLowerCase() === 'host');
  const all = named ? headers : ['Host', url.host, ...headers];
  return {
    close: () => agent.destroy(),
    one: () => new Promise((resolve, reject) => {
      const req = (tls ? httpsRequest : httpRequest)(url, { method, agent, headers: all, setHost: false, timeout: TIMEOUT_MS }, (res) => {
        res.setEncoding('utf8');
        let body = '';
        res.on('data', (chunk: string) => (body += chunk));
        res.on('end', () => resolve({ url: url.href, status: res.statusCode!, headers: res.rawHeaders, body }));
        res.on('error', reject);
      });
      req.on('timeout', () => req.destroy(new Error(`no answer of ${url.href} within ${TIMEOUT_MS / 1000} s`)));
      req.on('error', reject);
      req.end();
    }),
  };
}

function grpcSender({ url, headers }: ClientOptions): Sender {
  const Client = makeGenericClientConstructor(ECHO_SERVICE, 'Echo');
  const client = new Client(url.host, credentials.createInsecure());
  const metadata = new Metadata();
  for (let i = 0; i + 1 < headers.length; i += 2) metadata.add(headers[i]!, headers[i + 1]!);
  const { path, requestSerialize, responseDeserialize } = ECHO_SERVICE['Echo']!;
  return {
    close: () => client.close(),
    one: () => new Promise((resolve, reject) => {
      const got: string[] = [];
      const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { message: 'hello' }, metadata, { deadline: Date.now() + TIMEOUT_MS }, (error, reply) => {
        if (error) reject(error);
        else resolve({ url: url.href, status: GRPC_OK, headers: got, body: (reply as { text: string }).text });
      });
      call.on('metadata', (m: Metadata) => { for (const [name, value] of Object.entries(m.getMap())) got.push(name, value.toString()); });
    }),
  };
}
