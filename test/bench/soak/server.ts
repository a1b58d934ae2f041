/**
 * The application of the soak: echoes whatever is sent, over HTTP/1.1 (WebSockets too), HTTP/2 in clear text (with gRPC trailers where gRPC is asked for) and
 * plain TCP. Arguments: for each endpoint "h1,h2,tcp", its three ports.
 */
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { WebSocketServer } from 'ws';

function listen(server: net.Server, port: number): void {
  server.on('error', (e) => {
    console.error(e.message);
    process.exit(1);
  });
  server.listen(port, '0.0.0.0');
}

function http1(port: number): void {
  // Connections that fall idle are closed by whoever uses them, never by this side in the middle of a request.
  const server = http.createServer({ keepAliveTimeout: 3_600_000, requestTimeout: 0 }, (request, response) => {
    response.on('error', () => {});
    request.pipe(response);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, binary) => socket.send(data as Buffer, { binary }));
  });
  listen(server, port);
}

function h2c(port: number): void {
  const server = http2.createServer();
  server.on('session', (session) => session.on('error', () => {}));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const type = headers['content-type'] ?? 'text/plain';
    const grpc = type === 'application/grpc';
    stream.respond({ ':status': 200, 'content-type': type }, { waitForTrailers: grpc });
    if (grpc) stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  listen(server, port);
}

function raw(port: number): void {
  listen(net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  }), port);
}

for (const endpoint of process.argv.slice(2)) {
  const [h1, h2, tcp] = endpoint.split(',').map(Number);
  http1(h1!);
  h2c(h2!);
  raw(tcp!);
}
