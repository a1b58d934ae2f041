/** Mesh TLS over networks that behave badly: two whole proxies with a relay between them that cuts, delays or breaks what passes. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { CLIENT_ID, SERVER_ID, startProxy, type Running } from '../testing/pair.ts';
import { TestControlPlane } from '../testing/control-plane.ts';

const SERVICE = '10.96.0.10:80';

interface Net { client: Running; server: Running; control: TestControlPlane; relay: net.Server; close(): Promise<void> }

/** `pass` gets each piece that the client's proxy sends, and how to send on. */
async function setup(appPort: number, pass: (piece: Buffer, to: net.Socket) => void): Promise<Net> {
  const control = new TestControlPlane();
  await control.start();
  const server = await startProxy(control, SERVER_ID, null);
  const relay = net.createServer({ noDelay: true }, (a) => {
    const b = net.connect({ port: server.inboundPort, host: '127.0.0.1', noDelay: true });
    for (const s of [a, b]) s.on('error', () => {});
    a.on('data', (d: Buffer) => pass(d, b));
    b.pipe(a);
    a.once('close', () => b.destroy());
    b.once('close', () => a.destroy());
  });
  await new Promise<void>((r) => { relay.listen(0, '127.0.0.1', r); });
  const { port } = relay.address() as net.AddressInfo;
  control.services.set(SERVICE, { endpoints: [{ ip: '127.0.0.1', port: appPort, identity: SERVER_ID, transportPort: port }] });
  const client = await startProxy(control, CLIENT_ID, null);
  return {
    client, server, control, relay,
    async close() {
      relay.close();
      await client.close();
      await server.close();
      await control.stop();
    },
  };
}

async function get(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path, headers: { host: 'web.test', connection: 'close' } }, (res) => {
      let body = '';
      res.setEncoding('latin1');
      res.on('data', (c: string) => { body += c; });
      res.on('end', () => resolve({ status: res.statusCode!, body }));
    }).on('error', reject);
  });
}

async function metric(r: Running, name: RegExp): Promise<number> {
  return Number(name.exec((await get(r.adminPort, '/metrics')).body)?.[1] ?? 0);
}

describe('mesh TLS over a bad network', () => {
  let app: http.Server;
  let appPort: number;
  before(async () => {
    app = http.createServer((req, res) => res.end(`${req.url} for ${String(req.headers['l5d-client-id'])}`));
    await new Promise<void>((r) => { app.listen(0, '127.0.0.1', r); });
    appPort = (app.address() as net.AddressInfo).port;
  });
  after(async () => {
    app.closeAllConnections();
    await new Promise((r) => { app.close(r); });
  });

  it('works when every byte comes by itself: ClientHello, transport header, preface and requests', async () => {
    const t = await setup(appPort, (piece, to) => { for (let i = 0; i < piece.length; i++) to.write(piece.subarray(i, i + 1)); });
    assert.deepEqual(await get(t.client.outboundPort, '/bytes'), { status: 200, body: `/bytes for ${CLIENT_ID}` });
    await t.close();
  });

  it('works when the ClientHello comes in pieces with time between them', async () => {
    let pieces = 0;
    const t = await setup(appPort, (piece, to) => {
      if (pieces++ > 0) {
        to.write(piece);
        return;
      }
      to.write(piece.subarray(0, 1));
      setTimeout(() => to.write(piece.subarray(1, 7)), 20);
      setTimeout(() => to.write(piece.subarray(7)), 40);
    });
    assert.equal((await get(t.client.outboundPort, '/slow')).status, 200);
    await t.close();
  });

  it('is an error of the client, counted, when the connection breaks in the handshake', async () => {
    const t = await setup(appPort, (piece, to) => {
      to.write(piece.subarray(0, 100));
      setTimeout(() => to.destroy(), 5);
    });
    assert.equal((await get(t.client.outboundPort, '/broken')).status, 502);
    assert.equal(await metric(t.server, /tls_handshakes_total\{direction="inbound",resumed="false"\} (\d+)/), 0);
    await t.close();
  });

  it('counts a handshake that is damaged on its way', async () => {
    const begun = new WeakSet<net.Socket>();
    const t = await setup(appPort, (piece, to) => {
      // Behind the ClientHello: a handshake record that is none.
      to.write(begun.has(to) ? Buffer.alloc(64, 22) : piece);
      begun.add(to);
    });
    assert.equal((await get(t.client.outboundPort, '/damaged')).status, 502);
    assert.ok(await metric(t.server, /inbound_tcp_errors_total\{error="tls handshake"\} (\d+)/) > 0);
    assert.equal(await metric(t.server, /tls_handshakes_total\{direction="inbound",resumed="false"\} (\d+)/), 0);
    await t.close();
  });

  it('goes on over connections that exist, and makes new ones, while leaf and anchors change', async () => {
    const t = await setup(appPort, (piece, to) => to.write(piece));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const once = async (): Promise<number> => new Promise((resolve, reject) => {
      http.get({ host: '127.0.0.1', port: t.client.outboundPort, path: '/', agent, headers: { host: 'web.test' } }, (res) => {
        res.resume().once('end', () => resolve(res.statusCode!));
      }).on('error', reject);
    });
    assert.equal(await once(), 200);
    const other = new TestControlPlane();
    await other.start();
    const credentials = (r: Running): { setAnchors(pem: string): void } => (r.proxy as unknown as { credentials: { setAnchors(pem: string): void } }).credentials;
    for (const r of [t.client, t.server]) credentials(r).setAnchors(`${t.control.anchors}${other.anchors}`);
    assert.equal(await once(), 200);
    assert.equal(await metric(t.client, /tls_handshakes_total\{direction="outbound",resumed="false"\} (\d+)/), 1, 'the connection stayed');
    agent.destroy();
    await other.stop();
    await t.close();
  });
});
