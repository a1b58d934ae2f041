import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { startPair, CLIENT_ID, SERVER_ID, type Mesh } from './testing/pair.ts';

function get(port: number, path: string, options: http.RequestOptions = {}, body = ''): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, path, headers: { host: 'web.test' }, ...options }, (res) => {
      let text = '';
      res.setEncoding('latin1');
      res.on('data', (c: string) => { text += c; });
      res.on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body: text }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body);
  });
}

for (const transportHeader of [true, false]) {
  describe(`two proxies, mesh TLS ${transportHeader ? 'by transport header' : 'on the port itself'}`, () => {
    let app: http.Server;
    let mesh: Mesh;
    let seen: http.IncomingMessage[] = [];

    before(async () => {
      app = http.createServer((req, res) => {
        seen.push(req);
        if (req.url === '/undated') res.sendDate = false;
        req.pipe(res.writeHead(200, { 'x-app': 'yes' }));
      });
      await new Promise<void>((r) => { app.listen(0, '127.0.0.1', r); });
      mesh = await startPair((app.address() as net.AddressInfo).port, { transportHeader, env: { MESH_PROXY_VIA: 'mesh' } });
    });
    after(async () => {
      await mesh.close();
      app.closeAllConnections();
      await new Promise((r) => { app.close(r); });
    });
    beforeEach(() => { seen = []; });

    it('carry an HTTP/1.1 request and both sides know each other', async () => {
      const r = await get(mesh.client.outboundPort, '/hello?x=1', { method: 'POST' }, 'body');
      assert.equal(r.status, 200);
      assert.equal(r.body, 'body');
      assert.equal(r.headers['x-app'], 'yes');
      assert.equal(r.headers['l5d-orig-proto'], undefined);
      assert.equal(seen[0]!.httpVersion, '1.1');
      assert.equal(seen[0]!.headers['l5d-orig-proto'], undefined);
      const out = (await get(mesh.client.adminPort, '/metrics')).body;
      const inn = (await get(mesh.server.adminPort, '/metrics')).body;
      assert.match(out, new RegExp(`response_total\\{direction="outbound"[^}]*dst_pod="server-1"[^}]*tls="true",server_id="${SERVER_ID}"[^}]*status_code="200",classification="success"\\} 1`));
      for (const [text, direction] of [[out, 'outbound'], [inn, 'inbound']] as const) assert.match(text, new RegExp(`tcp_detect_http_duration_seconds_count\\{direction="${direction}"\\} [1-9]`));
      assert.match(inn, new RegExp(`response_total\\{direction="inbound",tls="true",client_id="${CLIENT_ID}"[^}]*classification="success"\\} 1`));
    });

    it('are two hops to Max-Forwards, date what has no date, and stand in Via where they have a name', async () => {
      const trace = async (hops: string): Promise<string> => (await get(mesh.client.outboundPort, '/', { method: 'TRACE', headers: { host: 'web.test', 'max-forwards': hops } })).body;
      assert.match(await trace('0'), /^TRACE \/ HTTP\/1\.1\r\nhost: web\.test\r\nmax-forwards: 0\r\n/);
      assert.match(await trace('1'), /\r\nmax-forwards: 0\r\nvia: 1\.1 mesh\r\n/);
      assert.equal(seen.length, 0);
      await trace('2');
      assert.deepEqual([seen[0]!.headers['max-forwards'], seen[0]!.headers.via], ['0', '1.1 mesh, 1.1 mesh']);
      const { headers } = await get(mesh.client.outboundPort, '/undated');
      assert.match(headers.date!, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
      assert.equal(headers.via, '1.1 mesh, 2.0 mesh');
    });

    it('carry HTTP/2 as it is, with trailers', async () => {
      const h2app = http2.createServer();
      h2app.on('stream', (stream) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.pipe(stream);
      });
      await new Promise<void>((r) => { h2app.listen(0, '127.0.0.1', r); });
      const pair = await startPair((h2app.address() as net.AddressInfo).port, { transportHeader });
      const session = http2.connect(`http://127.0.0.1:${pair.client.outboundPort}`);
      const stream = session.request({ ':method': 'POST', ':path': '/svc/Method' });
      const trailers = new Promise<http2.IncomingHttpHeaders>((r) => { stream.once('trailers', r); });
      const ended = new Promise((r) => { stream.once('end', r); });
      let body = '';
      stream.on('data', (c: Buffer) => { body += c.toString(); });
      stream.end('x'.repeat(100_000));
      assert.equal((await trailers)['grpc-status'], '0');
      await ended;
      assert.equal(body.length, 100_000);
      session.close();
      await pair.close();
      await new Promise((r) => { h2app.close(r); });
    });

    it('reach a server that speaks first', async () => {
      const server = net.createServer((s) => {
        s.write('220 hello\r\n');
        s.on('data', (d) => s.write(`you said ${d.toString()}`));
        s.on('error', () => {});
      });
      await new Promise<void>((r) => { server.listen(0, '127.0.0.1', r); });
      const pair = await startPair((server.address() as net.AddressInfo).port, { transportHeader });
      const c = net.connect(pair.client.outboundPort, '127.0.0.1');
      const read = (): Promise<string> => new Promise((r) => { c.once('data', (d) => r(d.toString())); });
      assert.equal(await read(), '220 hello\r\n');
      c.write('EHLO me\r\n');
      assert.equal(await read(), 'you said EHLO me\r\n');
      c.destroy();
      await pair.close();
      await new Promise((r) => { server.close(r); });
    });
  });
}
