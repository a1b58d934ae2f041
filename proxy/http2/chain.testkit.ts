/** node:http2 client -> serveHttp2 -> Http2Client -> node:http2 server, over loopback sockets: what a request meets in the proxy, without its layers. */
import http2 from 'node:http2';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { systemClock } from '../../lib/clock.ts';
import { ERRORS } from '../errors.ts';
import { Wire } from '../io/wire.ts';
import { ResponseHead, type ServerConnection, type Service } from '../message/contract.ts';
import { Http2Client, type Limits, serveHttp2 } from './index.ts';

export interface Chain {
  client: http2.ClientHttp2Session;
  origin: http2.Http2Server;
  /** connections of the forwarder to its client and to the origin */
  served: ServerConnection[];
  upstream: Http2Client;
  /** reasons counted by the forwarder, in order */
  counted: string[];
  port: number;
  close(): Promise<void>;
}

export async function listen(server: { listen(port: number, host: string, done: () => void): unknown; address(): unknown }): Promise<number> {
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await new Promise<void>((done, failed) => socket.once('connect', done).once('error', failed));
  return socket;
}

/** A server of ours on a free port; `onConnection` is given each connection. */
export async function serve(
  service: Service, count: (reason: string) => void, limits: Partial<Limits> = {}, onConnection: (c: ServerConnection) => void = () => {},
): Promise<{ port: number; server: Server }> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => onConnection(serveHttp2(new Wire(socket), service, {
    clock: systemClock, count, limits, refuse: (e) => new ResponseHead(ERRORS[e.code].status, ['x-refused', e.reason], 0),
  })));
  return { port: await listen(server), server };
}

export async function startChain(onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, flags: number) => void, settings: http2.Settings = {}): Promise<Chain> {
  const origin = http2.createServer({ maxSessionMemory: 1000, settings: { maxHeaderListSize: 256 * 1024 } });
  origin.on('stream', onStream);
  const sessions = new Set<http2.ServerHttp2Session>();
  origin.on('session', (s: http2.ServerHttp2Session) => {
    sessions.add(s);
    s.on('error', () => {}).on('close', () => sessions.delete(s));
  });
  const counted: string[] = [];
  const count = (reason: string): void => void counted.push(reason);
  const upstream = new Http2Client(new Wire(await dial(await listen(origin))), { clock: systemClock, count });
  const served: ServerConnection[] = [];
  const { port, server } = await serve((head, ended, client) => upstream.call(head, ended, client), count, {}, (c) => served.push(c));
  const client = http2.connect(`http://127.0.0.1:${port}`, { settings, maxSessionMemory: 1000 });
  client.on('error', () => {});
  await new Promise<void>((done) => void client.once('remoteSettings', () => done()));
  return {
    client, origin, served, upstream, counted, port,
    async close() {
      client.destroy();
      upstream.destroy();
      for (const s of served) s.destroy();
      for (const s of sessions) s.destroy();
      await Promise.all([new Promise((done) => server.close(done)), new Promise((done) => origin.close(done))]);
    },
  };
}

export interface Answer { status: number; headers: http2.IncomingHttpHeaders; body: Buffer; trailers: http2.IncomingHttpHeaders | null }

/** One request with the whole body at once, and its whole response. Rejects if the stream breaks. */
export async function fetchOne(client: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body: Buffer | null = null): Promise<Answer> {
  return new Promise((done, failed) => {
    const stream = client.request(headers, { endStream: body === null });
    const answer: Answer = { status: 0, headers: {}, body: Buffer.alloc(0), trailers: null };
    const parts: Buffer[] = [];
    stream.on('response', (h) => {
      answer.headers = h;
      answer.status = Number(h[':status']);
    });
    stream.on('trailers', (t) => { answer.trailers = t; });
    stream.on('data', (b: Buffer) => void parts.push(b));
    stream.on('error', failed);
    stream.on('close', () => {
      answer.body = Buffer.concat(parts);
      if (stream.rstCode === 0) done(answer);
      else failed(new Error(`RST_STREAM ${stream.rstCode}`));
    });
    if (body !== null) stream.end(body);
  });
}
