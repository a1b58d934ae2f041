import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface HttpClient {
  /** `body` absent means GET, else POST of it */
  call(url: string, body?: Buffer): Promise<Answer>;
  close(): void;
}

/** HTTP/1.1 with connections kept alive; each call bounded by `timeoutMs`. */
export function openHttp(timeoutMs: number): HttpClient {
  const agent = new Agent({ keepAlive: true });
  return {
    call(url, body) {
      return new Promise((resolve, reject) => {
        const req = request(url, { agent, method: body ? 'POST' : 'GET', headers: body ? { 'content-length': body.length } : {} }, (res) => {
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body: Buffer.concat(chunks) }));
          res.on('error', reject);
        });
        const timer = setTimeout(() => req.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
        req.on('error', reject);
        req.on('close', () => clearTimeout(timer));
        req.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}
