/** What one side of the proxy counts as one request the other side counts as one request, or it is refused and counted: through every chain of codecs and through two proxies. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { startPair, type Mesh } from '../../../proxy/testing/pair.ts';
import { askHttp1, askHttp2 } from './ask.ts';
import { HTTP1, HTTP2 } from './cases.ts';
import { h1ToH1, h1ToH2ToH1, h2ToH1, type Chain } from './chains.ts';

/** Requests that the origin read to their end, as "METHOD target body". */
let seen: string[] = [];

async function startOrigin(): Promise<http.Server> {
  const origin = http.createServer((req, res) => {
    let body = '';
    req.setEncoding('latin1').on('data', (s: string) => { body += s; }).on('end', () => {
      seen.push(`${req.method} ${req.url} ${body}`);
      res.end('ok');
    });
  });
  await new Promise<void>((done) => { origin.listen(0, '127.0.0.1', done); });
  return origin;
}

const portOf = (server: http.Server): number => (server.address() as net.AddressInfo).port;

describe('smuggling', () => {
  let origin: http.Server;
  let chain: Chain | null = null;

  before(async () => { origin = await startOrigin(); });
  beforeEach(() => { seen = []; });
  afterEach(async () => {
    await chain?.close();
    chain = null;
  });
  after(async () => {
    origin.closeAllConnections();
    await new Promise((done) => { origin.close(done); });
  });

  for (const [name, start] of [['HTTP/1 to HTTP/1', h1ToH1], ['HTTP/1 over HTTP/2 to HTTP/1', h1ToH2ToH1]] as const) {
    it(name, async () => {
      chain = await start(portOf(origin));
      for (const c of HTTP1) {
        seen = [];
        chain.counted.length = 0;
        const statuses = await askHttp1(chain.port, c.bytes);
        assert.deepEqual(seen, c.seen, c.name);
        assert.equal(chain.counted.length > 0, c.refused, `${c.name}: ${chain.counted.join()}`);
        assert.deepEqual(statuses.map((s) => s >= 400), [...c.seen.map(() => false), ...(c.refused ? [true] : [])], `${c.name}: ${statuses.join()}`);
      }
    });
  }

  it('HTTP/2 to HTTP/1', async () => {
    chain = await h2ToH1(portOf(origin));
    for (const c of HTTP2) {
      seen = [];
      chain.counted.length = 0;
      const { answered, goaway } = await askHttp2(chain.port, c);
      assert.deepEqual(seen.filter((s) => s !== 'GET /end '), c.seen === null ? [] : [c.seen], c.name);
      assert.equal(answered, c.seen !== null, c.name);
      assert.equal(goaway, false, c.name);
      assert.equal(chain.counted.length > 0, c.seen === null, `${c.name}: ${chain.counted.join()}`);
    }
  });

  it('HTTP/1 through two proxies', async () => {
    const mesh: Mesh = await startPair(portOf(origin));
    chain = { port: mesh.client.outboundPort, counted: [], close: () => mesh.close() };
    // Detection asks for a request line, or else the bytes are no HTTP and go on as they are, to be refused by the origin.
    for (const c of HTTP1.filter((one) => /^[A-Z]+ [^\r\n\t]+ HTTP\/1\.[01]\r\n/.test(one.bytes))) {
      seen = [];
      const statuses = await askHttp1(chain.port, c.bytes);
      assert.deepEqual(seen, c.seen, c.name);
      assert.deepEqual(statuses.map((s) => s >= 400), [...c.seen.map(() => false), ...(c.refused ? [true] : [])], `${c.name}: ${statuses.join()}`);
    }
  });
});
