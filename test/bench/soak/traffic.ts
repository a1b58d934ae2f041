/**
 * The clients of the soak. Each worker makes one exchange after the other, with a short random pause, and compares every byte that comes back. Arguments: host, ports
 * of h1, h2 and tcp. Prints one line of JSON (Progress) every few seconds; on SIGTERM it ends what is under way, prints the last line, and is done.
 */
import { randomBytes, randomInt } from 'node:crypto';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { WebSocket } from 'ws';

/** Since the start. */
export interface Progress {
  done: Record<string, number>;
  failed: Record<string, number>;
  /** the latest failures: time, kind and message */
  messages: string[];
}

const [host, h1Port, h2Port, tcpPort] = process.argv.slice(2) as [string, string, string, string];
const REPORT_MS = 5000;
const TIMEOUT_MS = 20_000;
const PAUSE_MS = 20;
const SESSION_MS = 30_000;

const progress: Progress = { done: {}, failed: {}, messages: [] };
const ending = new AbortController();

const pause = async (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, randomInt(1, ms + 1)); });

/** Mostly small, now and then large. */
function payload(): Buffer {
  const top = [200, 2000, 20_000, 200_000][Math.min(3, Math.floor(-Math.log2(1 - Math.random())))]!;
  return randomBytes(randomInt(1, top));
}

function same(sent: Buffer, got: Buffer): void {
  if (!sent.equals(got)) throw new Error(`sent ${sent.length} bytes, got ${got.length}${sent.length === got.length ? ' others' : ''}`);
}

async function collect(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function timed<T>(work: Promise<T>, abort: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      abort();
      reject(new Error(`no end after ${TIMEOUT_MS} ms`));
    }, TIMEOUT_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** One exchange over HTTP/1.1. */
async function h1(agent: http.Agent | false): Promise<void> {
  const sent = payload();
  const chunked = Math.random() < 0.3;
  const headers = chunked ? {} : { 'content-length': sent.length };
  const request = http.request({ host, port: h1Port, method: 'POST', path: '/echo', agent, headers });
  const answered = new Promise<void>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      collect(response).then((got) => {
        if (response.statusCode !== 200) throw new Error(`status ${response.statusCode} ${String(response.headers['l5d-proxy-error'] ?? '')}`);
        same(sent, got);
      }).then(resolve, reject);
    });
  });
  request.end(sent);
  return timed(answered, () => request.destroy());
}

/** A session for HTTP/2 that is replaced after a while, as clients do; the old one ends with its last stream. */
class Sessions {
  private current: http2.ClientHttp2Session | null = null;
  private since = 0;

  get(): http2.ClientHttp2Session {
    const now = performance.now();
    if (this.current === null || this.current.closed || this.current.destroyed || now - this.since > SESSION_MS) {
      this.current?.close();
      this.current = http2.connect(`http://${host}:${h2Port}`);
      this.current.on('error', () => {});
      this.since = now;
    }
    return this.current;
  }

  end(): void {
    this.current?.close();
  }
}

function grpcFrame(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

async function h2(sessions: Sessions, grpc: boolean): Promise<void> {
  const sent = grpc ? Buffer.concat(Array.from({ length: randomInt(1, 4) }, () => grpcFrame(payload()))) : payload();
  const path = grpc ? '/soak.Echo/Say' : '/echo';
  const stream = sessions.get().request({ ':method': 'POST', ':path': path, 'content-type': grpc ? 'application/grpc' : 'text/plain', ...(grpc ? { te: 'trailers' } : {}) });
  let status: number | undefined;
  let why = '';
  let grpcStatus: unknown;
  stream.on('response', (headers) => {
    status = headers[':status'];
    why = String(headers['l5d-proxy-error'] ?? '');
  });
  stream.on('trailers', (trailers) => { grpcStatus = trailers['grpc-status']; });
  const answered = collect(stream).then((got) => {
    if (status !== 200) throw new Error(`status ${status} ${why}`);
    same(sent, got);
    if (grpc && grpcStatus !== '0') throw new Error(`grpc-status ${String(grpcStatus)}`);
  });
  stream.end(sent);
  return timed(answered, () => stream.close(http2.constants.NGHTTP2_CANCEL));
}

/** A connection of bytes: several messages with pauses, then a half-close, and everything has to have come back. */
async function tcp(): Promise<void> {
  const socket = net.connect({ host, port: Number(tcpPort), allowHalfOpen: true });
  const parts = [Buffer.from('\0soak'), ...Array.from({ length: randomInt(1, 20) }, payload)];
  const whole = (async () => {
    const got = collect(socket);
    // It may fail while the parts are still being sent; that is told when it is awaited.
    got.catch(() => {});
    for (const part of parts) {
      socket.write(part);
      await pause(500);
    }
    socket.end();
    same(Buffer.concat(parts), await got);
  })();
  return timed(whole, () => socket.destroy());
}

/** A WebSocket that lives for a while. */
async function webSocket(): Promise<void> {
  const socket = new WebSocket(`ws://${host}:${h1Port}/ws`, { perMessageDeflate: false });
  const talk = new Promise<void>((resolve, reject) => {
    let left = randomInt(1, 30);
    let sent = payload();
    socket.on('error', reject);
    socket.on('open', () => socket.send(sent));
    socket.on('close', (code) => (code === 1000 ? resolve() : reject(new Error(`closed with ${code}`))));
    socket.on('message', (got) => {
      if (!sent.equals(got as Buffer)) reject(new Error('another message came back'));
      if (--left === 0 || ending.signal.aborted) return socket.close(1000);
      void pause(500).then(() => {
        sent = payload();
        socket.send(sent);
      });
    });
  });
  return timed(talk, () => socket.terminate());
}

async function worker(kind: string, exchange: () => Promise<void>): Promise<void> {
  while (!ending.signal.aborted) {
    try {
      await exchange();
      progress.done[kind] = (progress.done[kind] ?? 0) + 1;
    } catch (e) {
      progress.failed[kind] = (progress.failed[kind] ?? 0) + 1;
      progress.messages.push(`${new Date().toISOString()} ${kind}: ${(e as Error).message}`);
      if (progress.messages.length > 20) progress.messages.shift();
    }
    await pause(PAUSE_MS);
  }
}

const agent = new http.Agent({ keepAlive: true });
const sessions = [new Sessions(), new Sessions()];
const workers = (count: number, kind: string, exchange: (i: number) => Promise<void>): Promise<void>[] => Array.from({ length: count }, (_, i) => worker(kind, () => exchange(i)));
const all = [
  ...workers(12, 'h1', () => h1(agent)), ...workers(2, 'h1-new', () => h1(false)), ...workers(8, 'h2', (i) => h2(sessions[i % 2]!, false)),
  ...workers(8, 'grpc', (i) => h2(sessions[i % 2]!, true)), ...workers(6, 'tcp', tcp), ...workers(6, 'websocket', webSocket),
];
const report = (): void => console.log(JSON.stringify(progress));
const reporter = setInterval(report, REPORT_MS);
process.on('SIGTERM', () => ending.abort());
await Promise.all(all);
agent.destroy();
for (const s of sessions) s.end();
clearInterval(reporter);
report();
