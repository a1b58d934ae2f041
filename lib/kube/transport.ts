import * as http from 'node:http';
import * as https from 'node:https';
import type { Readable } from 'node:stream';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Connection } from './connection.ts';
import { errorFromResponse, KubeError } from './error.ts';

/**
 * HTTP to the API server over node:https with one keep-alive agent: measured, undici costs 10 MB of private memory where this costs 4,
 * and a control service makes few requests a second.
 */
export interface RawRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** absolute path, e.g. /api/v1/pods */
  path: string;
  /** undefined values are left out, arrays are repeated */
  query?: Record<string, string | number | boolean | readonly string[] | undefined> | undefined;
  headers?: Record<string, string>;
  /** sent as it is; give content-type in headers */
  body?: string | Uint8Array | undefined;
  signal?: AbortSignal | undefined;
  /** milliseconds until the whole answer is there (raw) or its head is (stream); default 30,000 */
  timeoutMs?: number;
  /** for error messages: "get pods web/a" */
  what?: string;
}

export interface RawResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

export interface StreamResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** bytes as they come; destroy it to end the request */
  body: Readable;
}

const DEFAULT_TIMEOUT_MS = 30_000;

export interface Transport {
  /** @throws KubeError for statuses of 400 and more, and when no answer comes */
  raw(request: RawRequest): Promise<RawResponse>;
  /** Like raw, but the body is a stream and the timeout ends with the head. */
  stream(request: RawRequest): Promise<StreamResponse>;
}

export function createTransport(connection: Connection, userAgent: string, clock: Clock = systemClock): Transport {
  async function open(request: RawRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    for (let attempt = 0; ; attempt++) {
      const first = attempt === 0;
      const sent = await send(connection, userAgent, request, signal, !first).catch((error: unknown) => {
        if (first && error instanceof StaleSocket) return undefined;
        throw error instanceof StaleSocket ? error.cause : error;
      });
      if (!sent) continue;
      if (sent.statusCode !== 401 || !first) return sent;
      sent.resume();
    }
  }

  async function begin(request: RawRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const message = await open(request, signal);
    const status = message.statusCode ?? 0;
    if (status < 400) return message;
    const body = (await collect(message)).toString('utf8');
    throw errorFromResponse(describe(request), status, body, message.headers['retry-after']);
  }

  async function limited<R>(request: RawRequest, work: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const timer = new AbortController();
    const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timeout = clock.after(timeoutMs, () => timer.abort());
    const signal = request.signal ? AbortSignal.any([timer.signal, request.signal]) : timer.signal;
    try {
      return await work(signal);
    } catch (error) {
      if (error instanceof KubeError) throw error;
      throw translate(connection, request, error, timer.signal.aborted, timeoutMs);
    } finally {
      clock.cancel(timeout);
    }
  }

  return {
    raw: (request) => limited(request, async (signal) => {
      const message = await begin(request, signal);
      return { status: message.statusCode ?? 0, headers: message.headers, body: await collect(message) };
    }),
    stream: (request) => {
      const life = new AbortController();
      return limited(request, async (signal) => {
        const stop = () => life.abort();
        signal.addEventListener('abort', stop);
        try {
          const message = await begin(request, life.signal);
          return { status: message.statusCode ?? 0, headers: message.headers, body: message };
        } finally {
          signal.removeEventListener('abort', stop);
          // From here on only the caller's signal ends the stream, not the timer for the head.
          request.signal?.addEventListener('abort', stop, { once: true });
        }
      });
    },
  };
}

/** A kept-alive socket that the server had closed just before: the request never reached it, so it may be sent again. */
class StaleSocket extends Error {}

async function send(
  connection: Connection, userAgent: string, request: RawRequest, signal: AbortSignal, fresh: boolean,
): Promise<http.IncomingMessage> {
  const { headers, agent, options } = await connection.authorize(fresh);
  const url = new URL(connection.server);
  url.pathname = `${url.pathname.replace(/\/$/, '')}${request.path}`;
  for (const [key, value] of Object.entries(request.query ?? {})) {
    if (value === undefined) continue;
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const one of values) url.searchParams.append(key, String(one));
  }
  const all: http.OutgoingHttpHeaders = { accept: 'application/json', 'user-agent': userAgent, ...headers, ...request.headers };
  if (request.body !== undefined) all['content-length'] = Buffer.byteLength(request.body);
  const make = url.protocol === 'http:' ? http.request : https.request;
  return new Promise((resolve, reject) => {
    const call = make(url, { ...options, method: request.method ?? 'GET', headers: all, agent, signal });
    call.once('response', resolve);
    call.once('error', (error: NodeJS.ErrnoException) => {
      const stale = call.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(stale ? new StaleSocket('stale', { cause: error }) : error);
    });
    call.end(request.body);
  });
}

async function collect(message: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function describe(request: RawRequest): string {
  return request.what ?? `${request.method ?? 'GET'} ${request.path}`;
}

function translate(connection: Connection, request: RawRequest, error: unknown, timedOut: boolean, timeoutMs: number): KubeError {
  const what = describe(request);
  if (timedOut) return new KubeError(0, 'Timeout', `${what}: no answer from ${connection.server.host} within ${timeoutMs / 1000} s`, undefined, error);
  if (request.signal?.aborted) return new KubeError(0, 'Aborted', `${what}: cancelled`, undefined, error);
  const cause = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error);
  return new KubeError(0, 'Unreachable', `${what}: cannot reach the API server at ${connection.server.host}: ${cause}`, undefined, error);
}
