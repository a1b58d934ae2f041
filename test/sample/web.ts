import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { WebSocketServer } from 'ws';
import { openBooks } from './books-client.ts';
import type { SampleEnv } from './env.ts';
import { answer, serveHttp } from './http-server.ts';
import { page } from './page.ts';
import { openReviews } from './reviews-client.ts';
import { reason, type Running } from './running.ts';

const MAX_BYTES = 2 ** 40;
/** Byte i of GET /bytes is i % 251: a prime, so that lost or doubled blocks of any power of two show. */
export const BYTES_PERIOD = 251;
const BLOCK = Buffer.from(Array.from({ length: BYTES_PERIOD * 256 }, (_, i) => i % BYTES_PERIOD));

/**
 * The shop's front, HTTP/1.1: GET / (a page from books and reviews; 502 with the reason when either fails), POST /echo (the body and trailers come back),
 * GET /bytes?n=N, a WebSocket echo at /ws.
 */
export async function web(env: SampleEnv): Promise<Running> {
  const books = openBooks(env.books, env.timeoutMs);
  const reviews = openReviews(env.reviews, env.timeoutMs);
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('error', () => socket.terminate());
  });

  async function front(res: ServerResponse): Promise<void> {
    const shelf = await books.list().catch((error: unknown) => { throw new Error(`books: ${reason(error)}`); });
    const opinions = await Promise.all(shelf.map(async (book) => await reviews.of(book.id)))
      .catch((error: unknown) => { throw new Error(`reviews: ${reason(error)}`); });
    answer(res, 200, page(shelf.map((book, i) => ({ book, reviews: opinions[i]! }))), 'text/html; charset=utf-8');
  }

  const running = await serveHttp(env.port, (req, res) => {
    const url = new URL(req.url!, 'http://web');
    const route = `${req.method === 'HEAD' ? 'GET' : req.method} ${url.pathname}`;
    if (route === 'GET /') front(res).catch((error: unknown) => answer(res, 502, `${reason(error)}\n`));
    // A client that gives up in the middle ends the pipeline with an error that nobody is left to hear.
    else if (route === 'POST /echo') echo(req, res).catch(() => res.destroy());
    else if (route === 'GET /bytes') bytes(req, res, url.searchParams.get('n')).catch(() => res.destroy());
    else answer(res, 404, `no such page: ${url.pathname}\n`);
  }, {
    onServer: (server) => server.on('upgrade', (req, socket, head) => {
      if (new URL(req.url!, 'http://web').pathname === '/ws') sockets.handleUpgrade(req, socket, head, (ws) => sockets.emit('connection', ws, req));
      else socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    }),
    onClose: () => { for (const ws of sockets.clients) ws.close(1001, 'going away'); },
  });

  return {
    ...running,
    async close() {
      await running.close();
      books.close();
      reviews.close();
    },
  };
}

async function echo(req: IncomingMessage, res: ServerResponse): Promise<void> {
  res.setHeader('content-type', req.headers['content-type'] ?? 'application/octet-stream');
  const length = req.headers['content-length'];
  if (length !== undefined) res.setHeader('content-length', length);
  if (req.headers.trailer !== undefined) res.setHeader('trailer', req.headers.trailer);
  res.flushHeaders();
  await pipeline(req, res, { end: false });
  const raw = req.rawTrailers;
  const trailers: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) trailers.push([raw[i]!, raw[i + 1]!]);
  if (trailers.length > 0) res.addTrailers(trailers);
  res.end();
}

async function bytes(req: IncomingMessage, res: ServerResponse, text: string | null): Promise<void> {
  const n = Number(text ?? 'none');
  if (!/^\d+$/.test(text ?? '') || n > MAX_BYTES) {
    answer(res, 400, `n is how many bytes to send, from 0 to ${MAX_BYTES}: /bytes?n=1000\n`);
    return;
  }
  res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': n });
  if (req.method === 'HEAD') res.end();
  else await pipeline(Readable.from(blocks(n), { objectMode: false }), res);
}

function* blocks(n: number): Generator<Buffer> {
  let left = n;
  for (; left >= BLOCK.length; left -= BLOCK.length) yield BLOCK;
  if (left > 0) yield BLOCK.subarray(0, left);
}
