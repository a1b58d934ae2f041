import { createServer } from 'node:http2';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { ConnectError, Transport } from '@connectrpc/connect';
import { Http2SessionManager, createGrpcTransport } from '@connectrpc/connect-node';
import { systemClock } from '../../../lib/clock.ts';
import { NOBODY } from '../../serve/caller.ts';
import { dispatch } from '../../serve/dispatch.ts';
import type { Router } from '../../serve/router.ts';

export interface TestServer {
  port: number;
  transport: Transport;
  /** ends every call with this reason, as a server that stops does */
  shutdown(reason: ConnectError): void;
  close: () => Promise<void>;
}

/** gRPC over cleartext HTTP/2 on a free loopback port, and a client transport to it. */
export async function testGrpc(routes: (router: Router) => void): Promise<TestServer> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  const calls = dispatch(server, { routes, callerOf: () => NOBODY, clock: systemClock, admit: () => null, onError: (error) => { throw error; } });
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  const sessionManager = new Http2SessionManager(`http://127.0.0.1:${port}`);
  return {
    port,
    transport: createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}`, sessionManager }),
    shutdown: (reason) => calls.abort(reason),
    async close() {
      sessionManager.abort();
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

/** Reads a server stream message by message; `next` fails after 5 s of silence, so a test says which message was missing. */
export function reader<T>(stream: AsyncIterable<T>): { next(): Promise<T>; silence(ms: number): Promise<boolean>; end(): Promise<unknown> } {
  const iterator = stream[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<T>> | undefined;
  const pull = () => (pending ??= iterator.next());
  const within = async <R>(what: string, promise: Promise<R>): Promise<R> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no ${what} within 5 s`)), 5000);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    async next() {
      const result = await within('message', pull());
      pending = undefined;
      if (result.done) throw new Error('the stream ended');
      return result.value;
    },
    /** true when nothing came in this time; what comes later is kept for next() */
    async silence(ms) {
      const quiet = new Promise<true>((resolve) => { setTimeout(() => resolve(true), ms); });
      return (await Promise.race([quiet, pull().then(() => false, () => false)]));
    },
    end: () => within('end', pull().then((result) => (result.done ? undefined : Promise.reject(new Error('a message came instead'))), (error: unknown) => error)),
  };
}
