/**
 * The smallest proxy that the two roles of the codec make: every connection is served, every request goes to one upstream address over kept-alive
 * connections. Tests and the codec's own bench run it; the real proxy has layers in between.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { systemClock } from '../../lib/clock.ts';
import { ERRORS, type ProxyError } from '../errors.ts';
import { Wire } from '../io/wire.ts';
import { ResponseHead, type Fields, type RequestHead, type RequestStream, type ResponseStream, type Service } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { DEFAULT_LIMITS, Http1Client, Sweeper, serveHttp1, type ServerOptions } from './index.ts';

export interface Forwarder {
  server: Server;
  port: number;
  /** counted reasons, in order */
  counted: string[];
  clients: Set<Http1Client>;
  sockets: Set<Socket>;
  sweeper: Sweeper;
  close(): Promise<void>;
}

/** Request bytes that come before the connection to the upstream is there. */
class Held implements RequestStream {
  target: RequestStream | null = null;
  private readonly queue: ((to: RequestStream) => void)[] = [];
  over = false;

  private pass(f: (to: RequestStream) => void): void {
    if (this.target !== null) f(this.target);
    else if (!this.over) this.queue.push(f);
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.target !== null) {
      this.target.data(buf, start, end);
      return;
    }
    const copy = Buffer.from(buf.subarray(start, end));
    this.pass((to) => to.data(copy, 0, copy.length));
  }

  end(trailers: Fields | null): void {
    this.pass((to) => to.end(trailers));
  }

  reset(reason: Reset): void {
    if (this.target === null) this.over = true;
    this.pass((to) => to.reset(reason));
  }

  credit(n: number): void {
    this.pass((to) => to.credit(n));
  }

  release(to: RequestStream): void {
    this.target = to;
    for (const f of this.queue) f(to);
  }
}

export function upstreamService(port: number, host: string, clients: Set<Http1Client>, counted: string[], sweeper: Sweeper): Service {
  const idle: Http1Client[] = [];
  const opts = { limits: DEFAULT_LIMITS, sweeper, progressTimeoutMs: 30_000, count: (reason: string) => void counted.push(`client:${reason}`) };
  const take = (): Http1Client | null => {
    for (let c = idle.pop(); c !== undefined; c = idle.pop()) if (c.capacity > 0) return c;
    return null;
  };
  return (head: RequestHead, ended: boolean, client: ResponseStream): RequestStream => {
    const ready = take();
    if (ready !== null) return ready.call(head, ended, client);
    const held = new Held();
    const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
    const failed = (): void => client.reset(RESET.refused);
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      const conn = new Http1Client(new Wire(socket), opts);
      clients.add(conn);
      conn.onChange = () => {
        if (conn.closed) clients.delete(conn);
        else if (conn.capacity > 0) idle.push(conn);
      };
      if (held.over) idle.push(conn);
      else held.release(conn.call(head, ended, client));
    });
    return held;
  };
}

export function refuse(error: ProxyError): { head: ResponseHead; body: Buffer } {
  const body = Buffer.from(`${error.message}\n`);
  return { head: new ResponseHead(ERRORS[error.code].status, ['content-type', 'text/plain'], body.length), body };
}

export function serverOptions(counted: string[], sweeper: Sweeper): ServerOptions {
  return {
    scheme: 'http', limits: DEFAULT_LIMITS, headTimeoutMs: 10_000, idleTimeoutMs: 60_000, progressTimeoutMs: 30_000, sweeper, refuse, date: null,
    count: (reason) => void counted.push(reason),
  };
}

/** Listens on `listen` (0: any port) of `address` and forwards to the upstream, or gives every request to `service`. */
export async function startForwarder(upstream: number | Service, listen = 0, address = '127.0.0.1', upstreamHost = '127.0.0.1'): Promise<Forwarder> {
  const counted: string[] = [];
  const clients = new Set<Http1Client>();
  const sockets = new Set<Socket>();
  const sweeper = new Sweeper(systemClock);
  const service = typeof upstream === 'number' ? upstreamService(upstream, upstreamHost, clients, counted, sweeper) : upstream;
  const opts = serverOptions(counted, sweeper);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serveHttp1(new Wire(socket), service, opts, null);
  });
  await new Promise<void>((resolve) => { server.listen(listen, address, resolve); });
  const close = async (): Promise<void> => {
    for (const s of sockets) s.destroy();
    for (const c of clients) c.destroy();
    await new Promise<void>((resolve) => { server.close(() => resolve()); });
  };
  return { server, port: (server.address() as AddressInfo).port, counted, clients, sockets, sweeper, close };
}
