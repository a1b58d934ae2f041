import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { ManualClock } from '../../lib/clock.ts';
import { held } from '../io/held.ts';
import { MAX_HELLO_BYTES } from './client-hello.ts';
import { Peek } from './peek.ts';

interface Peeked { counted: string[]; clock: ManualClock; socket: PassThrough; result: { kind: string; bytes: string } | null; quiet: number; peek: Peek }

function peek(quietMs = 10): Peeked {
  const clock = new ManualClock(1);
  const socket = new PassThrough();
  const p = { clock, socket, result: null, quiet: 0, counted: [] } as unknown as Peeked;
  p.peek = new Peek(socket as unknown as Socket, {
    clock, quietMs, partialMs: 1_000, count: (reason) => { p.counted.push(reason); }, onQuiet: () => { p.quiet++; }, onResult: (kind, bytes) => { p.result = { kind, bytes: bytes.toString('latin1') }; },
  });
  return p;
}

async function say(p: Peeked, text: string | Uint8Array): Promise<void> {
  p.socket.write(Buffer.from(text as string, 'latin1'));
  await new Promise((r) => { setImmediate(r); });
}

/** Head of a ClientHello record of n bytes. */
const record = (n: number): Uint8Array => Uint8Array.of(22, 3, 1, n >> 8, n & 255);

describe('peek', () => {
  it('counts what it waits with as held, and lets go of it when the process holds too much', async () => {
    const before = held.total;
    const [p, q] = [peek(), peek()];
    await say(p, `GET /${'a'.repeat(5_000)}`);
    await say(q, `GET /${'a'.repeat(4_000)}`);
    await say(p, 'a'.repeat(1_000));
    assert.equal(held.total, before + 10_010);
    p.peek.shed();
    assert.deepEqual([p.result?.kind, p.counted, p.socket.destroyed, held.total], ['eof', ['memory-cap'], true, before + 4_005]);
    await say(q, ' HTTP/1.1\r\n');
    assert.deepEqual([q.result?.kind, held.total], ['http1', before]);
  });

  it('waits for the rest of one byte for a second, then counts it as opaque', async () => {
    const p = peek();
    await say(p, 'P');
    p.clock.advance(999);
    assert.equal(p.result, null);
    p.clock.advance(1);
    assert.deepEqual(p.result, { kind: 'opaque', bytes: 'P' });
  });

  it('asks the server at once where no time is given to the client, unless that one was there first', async () => {
    const p = peek(0);
    assert.equal(p.quiet, 0);
    await new Promise((r) => { setImmediate(r); });
    assert.equal(p.quiet, 1);
    const q = peek(0);
    q.peek.take();
    await new Promise((r) => { setImmediate(r); });
    assert.equal(q.quiet, 0);
  });

  it('takes an HTTP/2 preface in two', async () => {
    const p = peek();
    await say(p, 'PRI * HTTP/2.0\r\n\r');
    assert.equal(p.result, null);
    await say(p, '\nSM\r\n\r\n\0\0');
    assert.deepEqual(p.result, { kind: 'http2', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0' });
  });

  it('gives a line that drips ten seconds as a whole', async () => {
    const p = peek();
    for (let i = 0; i < 12; i++) {
      await say(p, 'A');
      p.clock.advance(900);
    }
    assert.deepEqual(p.result, { kind: 'opaque', bytes: 'AAAAAAAAAAAA' });
  });

  it('waits longer for a ClientHello, but ten seconds as a whole', async () => {
    const p = peek();
    await say(p, record(500));
    p.clock.advance(5_000);
    await say(p, Uint8Array.of(1, 0));
    p.clock.advance(4_999);
    assert.equal(p.result, null);
    p.clock.advance(1);
    assert.equal(p.result!.kind, 'opaque');
  });

  it('holds no more of a ClientHello than one may be long', async () => {
    const huge = peek();
    await say(huge, Buffer.concat([record(16_000), Uint8Array.of(1, 1, 0, 0)]));
    assert.equal(huge.result!.kind, 'opaque', 'a hello of 65536 bytes is nobody\'s');
    const crumbs = peek();
    await say(crumbs, Buffer.concat([record(4), Uint8Array.of(1, 0, 63, 0)]));
    const crumb = Buffer.concat([record(1), Uint8Array.of(0)]);
    for (let n = 0; n < MAX_HELLO_BYTES && crumbs.result === null; n += crumb.length * 64) await say(crumbs, Buffer.concat(Array.from({ length: 64 }, () => crumb)));
    assert.equal(crumbs.result!.kind, 'opaque', 'records of one byte each');
  });

  it('asks about the server once when the client says nothing', async () => {
    const p = peek();
    p.clock.advance(60_000);
    assert.equal(p.quiet, 1);
    await say(p, 'GET / HTTP/1.1\r\n');
    assert.equal(p.result!.kind, 'http1');
  });

  it('gives every byte to its result, however they come', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom('GET /a HTTP/1.1\r\nhost: x\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04', 'EHLO x\r\n', '*1\r\n$4\r\nPING\r\n'),
      fc.array(fc.nat(6), { maxLength: 30 }), async (text, cuts) => {
        const p = peek();
        let at = 0;
        for (const n of cuts) {
          if (p.result !== null) break;
          await say(p, text.slice(at, at + n + 1));
          at += n + 1;
        }
        if (p.result === null) await say(p, text.slice(at));
        const taken = p.result!.bytes + (p.socket.read() as Buffer | null ?? '').toString();
        assert.equal(taken, text.slice(0, Math.max(taken.length, 1)));
      }));
  });
});
