import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { ManualClock, systemClock, type Clock } from '../../lib/clock.ts';
import { Authority, createRoot } from '../../lib/pki/authority.ts';
import { pem } from '../discover/certify.ts';
import { ProxyError } from '../errors.ts';
import { Credentials, type Leaf } from './credentials.ts';
import { dial, type TlsTarget } from './originate.ts';
import { Terminator, type Terminated } from './terminate.ts';

const DAY = 86_400;
const SERVER = 'server.test.id';
const CLIENT = 'client.test.id';
const TCP = { keepAliveMs: 10_000, userTimeoutMs: 30_000 };

class Ca {
  readonly anchors: string;
  private readonly authority: Authority;
  private constructor(anchors: string, authority: Authority) {
    this.anchors = anchors;
    this.authority = authority;
  }

  static async create(name: string): Promise<Ca> {
    const root = await createRoot({ commonName: name, days: 1, now: Date.now() });
    return new Ca(root.certificate, await Authority.load(root, root.certificate, Date.now()));
  }

  async leaf(...dnsNames: string[]): Promise<Leaf> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const leaf = await this.authority.issue({ publicKey, dnsNames, lifetimeSeconds: DAY, skewSeconds: 10, now: Date.now() });
    return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), chain: [leaf.der, ...this.authority.intermediates].map(pem).join(''), notAfter: Date.now() + DAY * 1000 };
  }

  async credentials(name: string, wall: () => number = () => Date.now()): Promise<Credentials> {
    const c = new Credentials(name, this.anchors, wall);
    c.setLeaf(await this.leaf(name));
    return c;
  }
}

interface Served { terminated: Terminated[]; failures: string[]; handshakes: boolean[]; port: number; terminator: Terminator; close: () => void }

/** A server that echoes behind mesh TLS. */
async function serve(credentials: Credentials, clock: Clock = systemClock, timeoutMs = 10_000): Promise<Served> {
  const terminator = new Terminator(credentials, clock, timeoutMs);
  const s: Served = { terminated: [], failures: [], handshakes: [], port: 0, terminator, close: () => {} };
  terminator.handshakes = (resumed) => s.handshakes.push(resumed);
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    terminator.terminate(socket, (t) => {
      s.terminated.push(t);
      t.socket.on('error', () => {});
      t.socket.pipe(t.socket);
    }, (reason) => s.failures.push(reason));
  });
  await new Promise<void>((r) => { server.listen(0, '127.0.0.1', r); });
  s.port = (server.address() as net.AddressInfo).port;
  s.close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return s;
}

async function open(port: number, credentials: Credentials, identity = SERVER, serverName = SERVER): Promise<net.Socket> {
  const target: TlsTarget = { credentials, identity, serverName, header: null };
  return new Promise((resolve, reject) => {
    dial({ ip: '127.0.0.1', port }, target, { clock: systemClock, timeoutMs: 5_000, tcp: TCP }, resolve, reject);
  });
}

async function echo(socket: net.Socket, text: string): Promise<string> {
  socket.write(text);
  return new Promise((r) => { socket.once('data', (d: Buffer) => r(d.toString())); });
}

async function ended(socket: net.Socket): Promise<void> {
  socket.on('error', () => {}).once('end', () => socket.destroy()).resume();
  await new Promise((r) => { socket.once('close', r); });
}

/** Opens, speaks (tickets come behind the handshake) and closes. */
async function visit(port: number, credentials: Credentials): Promise<void> {
  const s = await open(port, credentials);
  assert.equal(await echo(s, 'hi'), 'hi');
  s.destroy();
}

describe('mesh TLS', () => {
  let ca: Ca;
  let server: Credentials;
  let client: Credentials;
  let s: Served;
  beforeEach(async () => {
    ca = await Ca.create('root.one');
    server = await ca.credentials(SERVER);
    client = await ca.credentials(CLIENT);
    s = await serve(server);
  });
  afterEach(() => s.close());

  it('is resumed by a client that was there before, who stays known', async () => {
    const seen: boolean[] = [];
    client.handshakes = (resumed) => seen.push(resumed);
    for (let i = 0; i < 3; i++) await visit(s.port, client);
    assert.deepEqual(seen, [false, true, true]);
    assert.deepEqual(s.handshakes, [false, true, true]);
    assert.deepEqual(s.terminated.map((t) => t.clientId), [CLIENT, CLIENT, CLIENT]);
  });

  it('starts anew when the leaf or the anchors of either side are replaced', async () => {
    await visit(s.port, client);
    client.setLeaf(await ca.leaf(CLIENT));
    assert.equal(client.sessions.size, 0);
    await visit(s.port, client);
    server.setLeaf(await ca.leaf(SERVER));
    await visit(s.port, client);
    server.setAnchors(`${ca.anchors}${(await Ca.create('root.two')).anchors}`);
    await visit(s.port, client);
    await visit(s.port, client);
    assert.deepEqual(s.handshakes, [false, false, false, false, true]);
  });

  it('does not carry a client over to anchors that do not know it', async () => {
    await visit(s.port, client);
    const other = await Ca.create('root.two');
    server.setAnchors(other.anchors);
    // TLS 1.3 lets a client believe that it is in before its certificate is judged.
    const socket = await open(s.port, client);
    await ended(socket);
    assert.deepEqual(s.failures, ['client certificate not trusted']);
  });

  it('keeps connections that exist while leaf and anchors are replaced', async () => {
    const socket = await open(s.port, client);
    assert.equal(await echo(socket, 'one'), 'one');
    const other = await Ca.create('root.two');
    server.setAnchors(`${ca.anchors}${other.anchors}`);
    client.setAnchors(`${ca.anchors}${other.anchors}`);
    server.setLeaf(await other.leaf(SERVER));
    client.setLeaf(await other.leaf(CLIENT));
    assert.equal(await echo(socket, 'two'), 'two');
    await visit(s.port, client);
    assert.equal(s.terminated.length, 2);
    socket.destroy();
  });

  it('asks a resumed session for the identity that is expected now', async () => {
    await visit(s.port, client);
    await assert.rejects(open(s.port, client, 'other.test.id'), (e: ProxyError) => e.code === 'IDENTITY');
  });

  it('does not offer a session of a server whose certificate has ended', async () => {
    let now = Date.now();
    const late = await ca.credentials(CLIENT, () => now);
    await visit(s.port, late);
    now += 2 * DAY * 1000;
    await visit(s.port, late);
    assert.deepEqual(s.handshakes, [false, false]);
  });

  it('does not resume what has ended', async () => {
    let now = Date.now();
    const late = await ca.credentials(SERVER, () => now);
    const t = await serve(late);
    await visit(t.port, client);
    now += 2 * DAY * 1000;
    const socket = await open(t.port, client);
    await ended(socket);
    assert.deepEqual(t.failures, ['client certificate not trusted']);
    t.close();
  });

  it('refuses a server that is somebody else, by exact name', async () => {
    for (const names of [['other.test.id'], ['*.test.id'], ['x.server.test.id']]) {
      const c = await ca.credentials(SERVER);
      c.setLeaf(await ca.leaf(...names));
      const t = await serve(c);
      await assert.rejects(open(t.port, client), (e: ProxyError) => e.code === 'IDENTITY', names[0]);
      t.close();
    }
    await assert.rejects(open(s.port, await (await Ca.create('root.two')).credentials(CLIENT)), (e: ProxyError) => e.code === 'IDENTITY');
  });

  it("takes the client's first name as its identity, and none from who shows no certificate", async () => {
    const two = await ca.credentials(CLIENT);
    two.setLeaf(await ca.leaf('first.test.id', 'second.test.id'));
    await visit(s.port, two);
    await visit(s.port, new Credentials('nobody', ca.anchors, () => Date.now()));
    assert.deepEqual(s.terminated.map((t) => t.clientId), ['first.test.id', '']);
  });

  it('is TLS 1.3 and nothing older', async () => {
    const error = await new Promise<NodeJS.ErrnoException>((r) => {
      tls.connect({ port: s.port, host: '127.0.0.1', servername: SERVER, rejectUnauthorized: false, maxVersion: 'TLSv1.2' }).once('error', r);
    });
    assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it('gives a handshake its time as a whole, a drip of bytes or not', async () => {
    const clock = new ManualClock();
    const t = await serve(server, clock, 1_000);
    const raw = net.connect(t.port, '127.0.0.1');
    raw.on('error', () => {});
    // The first bytes of a ClientHello record that never ends.
    raw.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]));
    const closed = new Promise((r) => { raw.once('close', r).resume(); });
    for (let i = 0; i < 4; i++) {
      await new Promise((r) => { setTimeout(r, 5); });
      raw.write(Buffer.from([i]));
      clock.advance(300);
    }
    await closed;
    assert.deepEqual(t.failures, ['timeout']);
    t.close();
  });
});
