import assert from 'node:assert/strict';
import { inPod } from './steps.ts';
import { MESHED, PROBE_NAMESPACE } from './world.ts';

/** In the pod: posts a body of byte i = i % 251 to web's echo, checks each byte that comes back, and prints what it saw. */
const ECHO = `
import { request } from 'node:http';
const { bytes, chunked, trailers, expect, blocks } = JSON.parse(process.argv[2]);
const seen = { status: 0, bytes: 0, wrongAt: -1, continued: false, sentBeforeContinue: 0, trailers: {}, transferEncoding: '', contentLength: '' };
const headers = { 'content-type': 'application/octet-stream' };
if (!chunked) headers['content-length'] = bytes;
if (trailers) headers.trailer = Object.keys(trailers).join(', ');
if (expect) headers.expect = '100-continue';
const period = Buffer.from(Array.from({ length: 251 * 256 }, (_, i) => i % 251));
const req = request('http://web.bookshop/echo', { method: 'POST', headers });
const answer = new Promise((resolve, reject) => { req.once('response', resolve); req.once('error', reject); });
async function send() {
  for (let at = 0; at < bytes;) {
    const n = Math.min(blocks ?? period.length, bytes - at, period.length - at % 251);
    if (!req.write(period.subarray(at % 251, at % 251 + n))) await new Promise((r) => req.once('drain', r));
    at += n;
  }
  if (trailers) req.addTrailers(trailers);
  req.end();
}
if (expect) {
  req.once('continue', () => { seen.continued = true; void send(); });
  req.flushHeaders();
} else void send();
const res = await answer;
seen.status = res.statusCode;
seen.transferEncoding = res.headers['transfer-encoding'] ?? '';
seen.contentLength = res.headers['content-length'] ?? '';
for await (const chunk of res) {
  for (let i = 0; i < chunk.length; i++, seen.bytes++) if (chunk[i] !== seen.bytes % 251 && seen.wrongAt < 0) seen.wrongAt = seen.bytes;
}
seen.trailers = res.trailers;
console.log(JSON.stringify(seen));
process.exit(0);
`;

interface Wish { bytes: number; chunked?: boolean; trailers?: Record<string, string>; expect?: boolean; blocks?: number }
interface Seen { status: number; bytes: number; wrongAt: number; continued: boolean; trailers: Record<string, string>; transferEncoding: string; contentLength: string }

const echo = (wish: Wish): Promise<Seen> => inPod<Seen>(PROBE_NAMESPACE, MESHED, ECHO, JSON.stringify(wish));

const KIB = 1024;
const MIB = 1024 * KIB;

describe('the web front through both proxies', () => {
  for (const [name, bytes] of [['no byte', 0], ['1 byte', 1], ['64 KiB', 64 * KIB], ['100 MiB', 100 * MIB]] as const) {
    it(`takes and gives a body of ${name}`, async () => {
      const seen = await echo({ bytes });
      assert.deepEqual([seen.status, seen.bytes, seen.wrongAt, seen.contentLength], [200, bytes, -1, String(bytes)]);
    });
  }

  it('takes and gives a chunked body', async () => {
    const seen = await echo({ bytes: 300 * KIB, chunked: true, blocks: 1000 });
    assert.deepEqual([seen.status, seen.bytes, seen.wrongAt, seen.transferEncoding], [200, 300 * KIB, -1, 'chunked']);
  });

  it('takes and gives trailers', async () => {
    const trailers = { 'x-checksum': 'abc123', 'x-second': 'two' };
    const seen = await echo({ bytes: 5000, chunked: true, trailers });
    assert.deepEqual([seen.status, seen.bytes, seen.wrongAt, seen.trailers], [200, 5000, -1, trailers]);
  });

  it('answers Expect: 100-continue before the body', async () => {
    const seen = await echo({ bytes: 64 * KIB, expect: true });
    assert.deepEqual([seen.status, seen.bytes, seen.wrongAt, seen.continued], [200, 64 * KIB, -1, true]);
  });

  it('streams a download', async () => {
    const program = `
      const res = await fetch('http://web.bookshop/bytes?n=${20 * MIB}');
      let n = 0, wrongAt = -1;
      for await (const chunk of res.body) for (let i = 0; i < chunk.length; i++, n++) if (chunk[i] !== n % 251 && wrongAt < 0) wrongAt = n;
      console.log(JSON.stringify({ status: res.status, n, wrongAt }));`;
    assert.deepEqual(await inPod(PROBE_NAMESPACE, MESHED, program), { status: 200, n: 20 * MIB, wrongAt: -1 });
  });

  it('upgrades to WebSocket', async () => {
    const program = `
      const ws = new WebSocket('ws://web.bookshop/ws');
      ws.binaryType = 'arraybuffer';
      const got = [];
      const big = new Uint8Array(300_000).map((_, i) => i % 251);
      ws.onopen = () => { ws.send('hello'); ws.send(big); };
      ws.onerror = () => { console.log(JSON.stringify({ error: true })); process.exit(0); };
      ws.onmessage = ({ data }) => {
        got.push(typeof data === 'string' ? data : { bytes: data.byteLength, right: new Uint8Array(data).every((b, i) => b === i % 251) });
        if (got.length === 2) ws.close(1000, 'enough');
      };
      ws.onclose = ({ code }) => { console.log(JSON.stringify({ got, code })); process.exit(0); };`;
    assert.deepEqual(await inPod(PROBE_NAMESPACE, MESHED, program), { got: ['hello', { bytes: 300_000, right: true }], code: 1000 });
  });

  it('passes on what the application answers: 404, HEAD, a page out of gRPC and HTTP/2 backends', async () => {
    const program = `
      const [missing, head, page] = await Promise.all([fetch('http://web.bookshop/none'), fetch('http://web.bookshop/bytes?n=5', { method: 'HEAD' }), fetch('http://web.bookshop/')]);
      console.log(JSON.stringify({ missing: missing.status, head: [head.status, head.headers.get('content-length')], page: [page.status, /<html/i.test(await page.text())] }));`;
    assert.deepEqual(await inPod(PROBE_NAMESPACE, MESHED, program), { missing: 404, head: [200, '5'], page: [200, true] });
  });
});
