import { get } from 'node:http';
import { isIPv6 } from 'node:net';

/** A GET in clear text from a pod; `signal` ends it. Rejects with an Error fit for a log line. */
export interface PlainGet {
  ip: string;
  port: number;
  path: string;
  accept: string;
  /** larger answers are an error */
  maxBytes: number;
  signal: AbortSignal;
}

/** The text of a 200, over a connection of its own: pods come and go, and one every few seconds is cheap. */
export function plainGet({ ip, port, path, accept, maxBytes, signal }: PlainGet): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: ip, port, path, agent: false, signal, headers: { accept, host: `${isIPv6(ip) ? `[${ip}]` : ip}:${port}` } }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        reject(new Error(`status ${response.statusCode} from http://${ip}:${port}${path}`));
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) request.destroy(new Error(`more than ${maxBytes} bytes from http://${ip}:${port}${path}`));
        else chunks.push(chunk);
      });
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}
