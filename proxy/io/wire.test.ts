import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type Reader, Wire } from './wire.ts';

class Sink extends Duplex {
  readonly hash = createHash('sha256');
  bytes = 0;
  writes = 0;
  private readonly slow: boolean;

  constructor(slow: boolean) {
    super();
    this.slow = slow;
  }

  override _read(): void { /* nothing comes in */ }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const take = (): void => {
      this.hash.update(chunk);
      this.bytes += chunk.length;
      this.writes++;
      done();
    };
    if (this.slow) setImmediate(take);
    else take();
  }
}

describe('wire', () => {
  for (const slow of [false, true]) {
    it(`megabytes written in one turn arrive whole and in order (${slow ? 'slow' : 'fast'} socket)`, async () => {
      const sink = new Sink(slow);
      const wire = new Wire(sink as unknown as Socket);
      const expected = createHash('sha256');
      let total = 0;
      for (let i = 0; i < 400; i++) {
        const piece = Buffer.alloc((i * 7919) % 30_000, i);
        expected.update(piece);
        total += piece.length;
        wire.write(piece);
      }
      wire.finish();
      await new Promise<void>((resolve) => { sink.once('finish', resolve); });
      assert.equal(sink.bytes, total);
      assert.equal(sink.hash.digest('hex'), expected.digest('hex'));
      sink.destroy();
    });
  }

  it('what is written in one turn is one write', async () => {
    const sink = new Sink(false);
    const wire = new Wire(sink as unknown as Socket);
    for (let i = 0; i < 100; i++) wire.writeLatin1(`line ${i}\n`);
    await new Promise((resolve) => { setImmediate(resolve); });
    assert.equal(sink.writes, 1);
    sink.destroy();
  });
});

/** Sees what a wire tells, of a connection over loopback whose other end is `peer`. */
class Told implements Reader {
  readonly wire: Wire;
  readonly peer: Socket;
  drains = 0;
  readonly gone: Promise<Error | null>;
  private tellGone!: (e: Error | null) => void;

  private constructor(socket: Socket, peer: Socket) {
    this.peer = peer;
    this.gone = new Promise((resolve) => { this.tellGone = resolve; });
    this.wire = new Wire(socket);
    this.wire.start(this);
  }

  static async open(): Promise<Told> {
    const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = net.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    const [[peer]] = await Promise.all([once(server, 'connection') as Promise<[Socket]>, once(socket, 'connect')]);
    server.close();
    return new Told(socket, peer);
  }

  read(): void { /* nothing comes in */ }
  eof(): void { /* nor its end */ }
  shed(): void { /* nothing is held */ }
  drained(): void { this.drains++; }
  closed(error: Error | null): void { this.tellGone(error); }
}

describe('wire on a socket', () => {
  it('a peer that reads late gets everything, in order, and then the end', async () => {
    const told = await Told.open();
    const { wire, peer, gone } = told;
    peer.pause();
    const expected = createHash('sha256');
    let total = 0;
    const turn = async (i: number): Promise<void> => {
      const piece = Buffer.alloc(1 + ((i * 104_729) % 150_000), i);
      expected.update(piece);
      total += piece.length;
      wire.write(piece);
      await new Promise((resolve) => { setImmediate(resolve); });
    };
    for (let i = 0; i < 100; i++) await turn(i);
    assert.ok(wire.congested && wire.unsent > 0);
    wire.finish();
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const b of peer as AsyncIterable<Buffer>) {
      hash.update(b);
      bytes += b.length;
    }
    peer.end();
    assert.equal(bytes, total);
    assert.equal(hash.digest('hex'), expected.digest('hex'));
    assert.equal(wire.unsent, 0);
    assert.equal(wire.socket.bytesWritten, total);
    assert.equal(wire.held, 0);
    wire.destroy();
    assert.equal(await gone, null);
    assert.ok(told.drains > 0);
  });

  it('a write to a peer that has gone ends the connection with the system\'s error', async () => {
    const { wire, peer, gone } = await Told.open();
    wire.pause();
    peer.resetAndDestroy();
    // Not read: it is the write that finds out.
    while (!wire.closed) {
      wire.writeLatin1('more');
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    const error = await gone as NodeJS.ErrnoException;
    assert.match(error.code ?? '', /^(EPIPE|ECONNRESET)$/);
    assert.equal(wire.held, 0);
  });

  it('what waits for a peer is let go of when the connection is destroyed', async () => {
    const { wire, peer, gone } = await Told.open();
    peer.pause();
    for (let i = 0; i < 200 && wire.unsent === 0; i++) {
      wire.write(Buffer.alloc(60_000));
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    assert.ok(wire.unsent > 0 && wire.held > 0);
    wire.destroy();
    await gone;
    assert.equal(wire.held, 0);
    peer.destroy();
  });
});
