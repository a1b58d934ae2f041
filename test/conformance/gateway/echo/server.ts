import { createServer as createHttp, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Server as TcpServer, type Socket } from 'node:net';
import { Server as GrpcServer, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { createRoot } from '../../../../lib/pki/authority.ts';
import { ECHO_SERVICE } from './definition.ts';
import { seenLines, type Seen } from './lines.ts';
import type { ServerOptions } from './options.ts';

const CERTIFICATE = { commonName: 'echo', days: 1 };

type Self = Pick<Seen, 'hostname' | 'version'>;

/** Listens on every port asked for; the result ends that. */
export async function serve(options: ServerOptions, self: Self, now: number): Promise<() => Promise<unknown>> {
  const http = (port: number) => (req: IncomingMessage, res: ServerResponse): void => answer(req, res, port, self);
  const closers: (() => Promise<void>)[] = [];
  for (const port of options.http) closers.push(await listening(createHttp(http(port)), port));
  if (options.https.length > 0) {
    const { certificate, key } = await createRoot({ ...CERTIFICATE, now });
    for (const port of options.https) closers.push(await listening(createHttps({ cert: certificate, key }, http(port)), port));
  }
  for (const port of options.grpc) closers.push(await serveGrpc(port, self));
  for (const port of options.tcp) closers.push(await listening(createTcp((socket) => answerTcp(socket, port, self)), port));
  return () => Promise.all(closers.map((close) => close()));
}

async function listening(server: HttpServer | TcpServer, port: number): Promise<() => Promise<void>> {
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(port, resolve); });
  return () => new Promise((resolve) => { server.close(() => resolve()); });
}

function answer(req: IncomingMessage, res: ServerResponse, port: number, self: Self): void {
  req.resume();
  req.on('end', () => {
    const text = seenLines({
      ...self, port, host: req.headers.host ?? '', url: req.url!, method: req.method!, protocol: `HTTP/${req.httpVersion}`,
      ip: req.socket.remoteAddress ?? '', headers: req.rawHeaders,
    }).join('\n');
    res.writeHead(200, { 'content-type': 'text/plain' });
    res.end(`${text}\n`);
  });
}

async function serveGrpc(port: number, self: Self): Promise<() => Promise<void>> {
  const server = new GrpcServer();
  const echo = (call: ServerUnaryCall<{ message: string }, { text: string }>, callback: sendUnaryData<{ text: string }>): void => {
    const headers = Object.entries(call.metadata.getMap()).flatMap(([name, value]) => [name, value.toString()]);
    const text = seenLines({
      ...self, port, host: call.getHost(), url: call.getPath(), method: 'POST', protocol: 'HTTP/2.0', ip: call.getPeer(), headers,
    }).join('\n');
    callback(null, { text });
  };
  server.addService(ECHO_SERVICE, { Echo: echo });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`0.0.0.0:${port}`, ServerCredentials.createInsecure(), (error) => { if (error) reject(error); else resolve(); });
  });
  return () => new Promise((resolve) => { server.tryShutdown(() => resolve()); });
}

/** Says who answers, then sends back what comes. */
function answerTcp(socket: Socket, port: number, self: Self): void {
  socket.on('error', () => socket.destroy());
  socket.write(`ServicePort=${port}\nHostname=${self.hostname}\n`);
  socket.pipe(socket);
}
