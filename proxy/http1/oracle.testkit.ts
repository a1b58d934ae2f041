/** Node's own HTTP parser as a second opinion: what does it make of these bytes? */
import http from 'node:http';
import { MemorySocket, settled } from './memory.testkit.ts';

export interface Parsed {
  method: string;
  url: string;
  /** lower-case names and values, in order */
  headers: string[];
  body: string;
  /** false when an error further on in the same bytes kept the parser from telling that the body was complete */
  ended: boolean;
}

export interface Opinion {
  requests: Parsed[];
  /** code of the parser's error, or null */
  error: string | null;
}

export function nodeServer(): { parse: (bytes: Buffer) => Promise<Opinion> } {
  const opinions = new WeakMap<object, Opinion>();
  const server = http.createServer({ maxHeaderSize: 256 * 1024, requireHostHeader: true, keepAliveTimeout: 0 }, (req, res) => {
    const headers = req.rawHeaders.map((h, i) => (i % 2 === 0 ? h.toLowerCase() : h));
    const parsed: Parsed = { method: req.method!, url: req.url!, headers, body: '', ended: false };
    opinions.get(req.socket)!.requests.push(parsed);
    req.on('data', (b: Buffer) => { parsed.body += b.toString('latin1'); });
    req.on('error', () => {});
    req.on('end', () => {
      parsed.ended = true;
      res.end('ok');
    });
  });
  server.on('clientError', (e: NodeJS.ErrnoException, socket) => { opinions.get(socket)!.error ??= e.code ?? e.message; });
  const parse = async (bytes: Buffer): Promise<Opinion> => {
    const opinion: Opinion = { requests: [], error: null };
    const socket = new MemorySocket();
    opinions.set(socket, opinion);
    server.emit('connection', socket);
    socket.push(bytes);
    await settled();
    await settled();
    socket.destroy();
    await settled();
    return opinion;
  };
  return { parse };
}
