import assert from 'node:assert/strict';
import net from 'node:net';
import { systemClock } from '../../lib/clock.ts';
import { negotiate } from './negotiate.ts';

interface Outcome { kind: string; bytes: string; early: net.Socket | null; serverFirst?: boolean }

/** A client, the accepted side of its connection under negotiation, and a server that the other side may dial. */
async function setup(server: (s: net.Socket) => void, quietMs = 5): Promise<{ client: net.Socket; outcome: Promise<Outcome>; dials: () => number; close: () => void }> {
  let dials = 0;
  const listen = (f: (s: net.Socket) => void): Promise<net.Server> => new Promise((resolve) => {
    const l = net.createServer({ allowHalfOpen: true }, (s) => {
      s.on('error', () => {});
      f(s);
    });
    l.listen(0, '127.0.0.1', () => resolve(l));
  });
  const app = await listen(server);
  let decide: (o: Outcome) => void;
  const outcome = new Promise<Outcome>((resolve) => { decide = resolve; });
  const front = await listen((socket) => negotiate(socket, {
    clock: systemClock, first: null, quietMs, partialMs: 30, count: () => {},
    dial: (done) => {
      dials++;
      const s = net.connect({ port: (app.address() as net.AddressInfo).port, host: '127.0.0.1' }, () => done(s));
      return () => s.destroy();
    },
    onHttp: (version, bytes) => decide({ kind: `http${version}`, bytes: bytes.toString('latin1'), early: null }),
    onTls: (sni, bytes) => {
      decide({ kind: `tls ${sni}`, bytes: bytes.toString('latin1'), early: null });
      return true;
    },
    onOpaque: (bytes, early, serverFirst) => decide({ kind: 'opaque', bytes: bytes.toString('latin1'), early, serverFirst }),
    onEof: () => decide({ kind: 'eof', bytes: '', early: null }),
  }));
  const client = net.connect((front.address() as net.AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  return { client, outcome, dials: () => dials, close: () => { client.destroy(); front.close(); app.close(); } };
}

const read = (s: net.Socket): Promise<string> => new Promise((r) => { s.once('data', (d: Buffer) => r(d.toString('latin1'))); });

describe('negotiation', () => {
  it('takes an HTTP/1 head that comes in pieces, and dials nobody', async () => {
    const t = await setup(() => {}, 5_000);
    t.client.write('GET / HT');
    setTimeout(() => t.client.write('TP/1.1\r\nhost: x\r\n\r\n'), 5);
    assert.deepEqual(await t.outcome, { kind: 'http1', bytes: 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', early: null });
    assert.equal(t.dials(), 0);
    t.close();
  });

  it('gives an unfinished line to the server as it is', async () => {
    const t = await setup(() => {}, 5_000);
    t.client.write('HELLO world');
    const o = await t.outcome;
    assert.deepEqual([o.kind, o.bytes, o.early], ['opaque', 'HELLO world', null]);
    t.close();
  });

  it('lets the server speak first', async () => {
    const t = await setup((s) => s.write('220 hi\r\n'));
    const o = await t.outcome;
    assert.deepEqual([o.kind, o.serverFirst], ['opaque', true]);
    assert.equal(await read(o.early!), '220 hi\r\n');
    o.early!.destroy();
    t.close();
  });

  it('uses the connection that it opened when the client speaks after all', async () => {
    let got = '';
    const t = await setup((s) => s.on('data', (d) => { got += d.toString(); }));
    await new Promise((r) => { setTimeout(r, 60); });
    t.client.write('\x01binary');
    const o = await t.outcome;
    assert.deepEqual([o.kind, o.bytes, o.serverFirst, t.dials()], ['opaque', '\x01binary', false, 1]);
    o.early!.destroy();
    assert.equal(got, '');
    t.close();
  });

  it('is not misled by an HTTP/2 server that does not wait for its client', async () => {
    const settings = '\x00\x00\x00\x04\x00\x00\x00\x00\x00';
    const t = await setup((s) => s.write(settings, 'latin1'));
    await new Promise((r) => { setTimeout(r, 60); });
    t.client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    assert.equal((await t.outcome).kind, 'http2');
    t.close();
    const u = await setup((s) => s.write(settings, 'latin1'));
    await new Promise((r) => { setTimeout(r, 60); });
    u.client.write('\x00other');
    const o = await u.outcome;
    assert.equal(o.kind, 'opaque');
    assert.equal(await read(o.early!), settings);
    o.early!.destroy();
    u.close();
  });

  it('ends with the client', async () => {
    const t = await setup(() => {}, 5_000);
    t.client.end();
    assert.equal((await t.outcome).kind, 'eof');
    t.close();
  });
});
