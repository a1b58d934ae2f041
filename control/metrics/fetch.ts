import { get } from 'node:http';
import { isIPv6 } from 'node:net';
import type { Fetch } from './scraper.ts';

/** A proxy with many peers exposes a few hundred kB; beyond this something is wrong. */
const MAX_BYTES = 32 << 20;

/** GET http://ip:port/metrics, a connection each: proxies come and go, and one every few seconds is cheap. */
export const fetchMetrics: Fetch = (ip, port, signal) => new Promise((resolve, reject) => {
  const request = get({ host: ip, port, path: '/metrics', agent: false, signal, headers: { accept: 'text/plain;version=0.0.4', host: `${isIPv6(ip) ? `[${ip}]` : ip}:${port}` } }, (response) => {
    if (response.statusCode !== 200) {
      response.resume();
      reject(new Error(`status ${response.statusCode} from http://${ip}:${port}/metrics`));
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BYTES) request.destroy(new Error(`more than ${MAX_BYTES} bytes of metrics from ${ip}`));
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    response.on('error', reject);
  });
  request.on('error', reject);
});
