import assert from 'node:assert/strict';
import net from 'node:net';
import fc from 'fast-check';
import { systemClock } from '../../lib/clock.ts';
import { negotiate } from '../accept/negotiate.ts';
import { held } from '../io/held.ts';
import { Forward, type ForwardResult } from './forward.ts';

async function listen(f: (s: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }, (s) => {
    s.on('error', () => {});
    f(s);
  });
  await new Promise<void>((r) => { server.listen(0, '127.0.0.1', r); });
  return server;
}

const portOf = (s: net.Server): number => (s.address() as net.AddressInfo).port;

/** A server, and in front of it what a proxy does with opaque bytes: detection, then a connection, then both joined. */
async function setup(app: (s: net.Socket) => void, quietMs = 10): Promise<{ port: number; result: Promise<ForwardResult>; close: () => void }> {
  const server = await listen(app);
  let ended: (r: ForwardResult) => void;
  const result = new Promise<ForwardResult>((r) => { ended = r; });
  const dial = (done: (s: net.Socket) => void): net.Socket => {
    const s = net.connect({ port: portOf(server), host: '127.0.0.1', allowHalfOpen: true }, () => done(s));
    s.on('error', () => {});
    return s;
  };
  const forwards: Forward[] = [];
  const front = await listen((socket) => {
    const join = (bytes: Buffer, to: net.Socket): void => { forwards.push(new Forward(socket, to, bytes, ended)); };
    negotiate(socket, {
      clock: systemClock, first: null, quietMs, partialMs: 20, count: () => {},
      dial: (done) => {
        const s = dial(done);
        return () => s.destroy();
      },
      onHttp: () => assert.fail('not HTTP'),
      onTls: () => false,
      onOpaque: (bytes, early) => {
        if (early === null) dial((s) => join(bytes, s));
        else join(bytes, early);
      },
      onEof: () => socket.destroy(),
    });
  });
  return { port: portOf(front), result, close: () => { front.close(); server.close(); } };
}

async function everything(s: net.Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  s.on('data', (d: Buffer) => parts.push(d));
  await new Promise((r) => { s.once('end', r); });
  return Buffer.concat(parts);
}

const connect = (port: number): net.Socket => net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });

describe('forwarding', () => {
  it('passes on the end of a client that sends, ends and waits', async () => {
    const t = await setup((s) => {
      let n = 0;
      s.on('data', (d: Buffer) => { n += d.length; });
      s.on('end', () => s.end(`${n} bytes, then the end`));
    });
    const c = connect(t.port);
    c.end('\x01binary');
    assert.equal((await everything(c)).toString(), '7 bytes, then the end');
    const r = await t.result;
    assert.deepEqual([r.fromClient, r.toClient, r.error], [7, 21, null]);
    t.close();
  });

  it('passes on the end of a server that greets and ends', async () => {
    const t = await setup((s) => s.end('421 too busy\r\n'));
    const c = connect(t.port);
    assert.equal((await everything(c)).toString(), '421 too busy\r\n');
    c.end();
    await t.result;
    t.close();
  });

  it('loses and reorders nothing, however the bytes are cut', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { minLength: 1, maxLength: 8 }), fc.array(fc.constantFrom('now', 'turn', 'ms'), { minLength: 8, maxLength: 8 }), fc.boolean(),
      async (chunks, pauses, serverFirst) => {
        // Not an HTTP method, whatever follows.
        chunks[0]![0] = 1;
        const greeting = 'hello\r\n';
        const t = await setup((s) => {
          if (serverFirst) s.write(greeting);
          s.pipe(s);
        }, 3);
        const c = connect(t.port);
        const got = everything(c);
        for (const [i, chunk] of chunks.entries()) {
          c.write(chunk);
          if (pauses[i] === 'turn') await new Promise((r) => { setImmediate(r); });
          if (pauses[i] === 'ms') await new Promise((r) => { setTimeout(r, 4); });
        }
        c.end();
        const want = Buffer.concat(chunks);
        const b = await got;
        const from = serverFirst ? greeting.length : 0;
        if (serverFirst) assert.ok(b.includes(greeting));
        // A greeting may come between echoes: the server's order is its own. Without one the echo is exact.
        if (serverFirst) assert.equal(b.length, want.length + from);
        else assert.deepEqual(b, want);
        await t.result;
        t.close();
      }), { numRuns: 60 });
  });

  it('holds little for a peer that never reads, and loses none of it when it does', async () => {
    const paused: net.Socket[] = [];
    const t = await setup((s) => {
      s.pause();
      paused.push(s);
    });
    const c = connect(t.port);
    const piece = Buffer.alloc(256 * 1024, 1);
    let sent = 0;
    // Until the client's own kernel and stream take no more: everything on the way is full then.
    while (sent < 256 * 1024 * 1024) {
      const took = c.write(piece);
      sent += piece.length;
      if (!took && !(await Promise.race([new Promise<boolean>((r) => { c.once('drain', () => r(true)); }), new Promise<boolean>((r) => { setTimeout(() => r(false), 300); })]))) break;
    }
    assert.ok(sent < 256 * 1024 * 1024, 'it never stopped');
    assert.ok(held.total < 1024 * 1024, `${held.total} bytes held`);
    c.end();
    let got = 0;
    paused[0]!.on('data', (d: Buffer) => { got += d.length; }).resume();
    await new Promise((r) => { paused[0]!.once('end', r); });
    assert.equal(got, sent);
    paused[0]!.end();
    c.resume();
    await t.result;
    t.close();
  });

  it('makes a reset of one side a reset of the other', async () => {
    const t = await setup((s) => s.once('data', () => s.resetAndDestroy()));
    const c = connect(t.port);
    c.write('\x01x');
    const error = await new Promise<NodeJS.ErrnoException>((r) => { c.once('error', r); });
    assert.equal(error.code, 'ECONNRESET');
    assert.notEqual((await t.result).error, null);
    t.close();
  });

  it('makes a reset of the client a reset of the server', async () => {
    let seen: (e: NodeJS.ErrnoException) => void;
    const error = new Promise<NodeJS.ErrnoException>((r) => { seen = r; });
    const t = await setup((s) => {
      s.on('error', seen);
      s.write('go');
    });
    const c = connect(t.port);
    c.on('error', () => {});
    c.once('data', () => c.resetAndDestroy());
    assert.equal((await error).code, 'ECONNRESET');
    t.close();
  });
});
