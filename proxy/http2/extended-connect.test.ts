import assert from 'node:assert/strict';
import { type RequestHead, ResponseHead } from '../message/contract.ts';
import { CODE, FLAG, TYPE } from './frames.ts';
import { RawPeer, contentOf, frame, rawServer, resetCode } from './raw.testkit.ts';
import { serveHttp2 } from './server.ts';

const { endHeaders, endStream } = FLAG;

describe('http2 server: extended CONNECT (RFC 8441)', () => {
  const ask = (p: RawPeer, id = 1, protocol = 'websocket', flags = endHeaders): Buffer =>
    p.headers(id, [':method', 'CONNECT', ':protocol', protocol, ':scheme', 'http', ':path', '/chat', ':authority', 'a', 'sec-websocket-version', '13'], flags);

  it('is announced, and is an Upgrade for the service', async () => {
    const greeting = new RawPeer();
    serveHttp2(greeting.wire, () => { throw new Error('not reached'); }, greeting.options());
    const [first] = await greeting.frames();
    assert.ok(first!.payload.includes(Buffer.from('000800000001', 'hex')));
    const { peer, exchanges } = await rawServer();
    await peer.send(ask(peer));
    const [x] = exchanges;
    const head = x!.head_ as RequestHead;
    assert.deepEqual([head.method, head.upgrade, head.path, head.authority, head.version], ['GET', 'websocket', '/chat', 'a', 2]);
    const answer = new ResponseHead(101, ['sec-websocket-accept', 'x', 'sec-websocket-protocol', 'p']);
    answer.upgrade = 'websocket';
    x!.client!.head(answer);
    const opened = await peer.send(frame(TYPE.data, 0, 1, 'up'));
    assert.deepEqual(opened.map((f) => [f.type, f.flags, f.payload.toString()]), [[TYPE.headers, endHeaders, ':status: 200\nsec-websocket-protocol: p']]);
    x!.client!.data(Buffer.from('down'), 0, 4);
    x!.client!.end(null);
    const down = await peer.frames();
    assert.equal(contentOf(down, 1).toString(), 'down');
    assert.equal(resetCode(down, 1), -1);
    await peer.send(frame(TYPE.data, endStream, 1, 'last'));
    assert.deepEqual(x!.events, ['data up', 'data last', 'end']);
  });

  it('what is sent ahead waits for the tunnel, its end too', async () => {
    const { peer, exchanges, connection } = await rawServer();
    await peer.send(ask(peer), frame(TYPE.data, 0, 1, 'ear'), frame(TYPE.data, endStream, 1, 'ly'), ask(peer, 3), frame(TYPE.data, 0, 3, 'never'));
    assert.deepEqual(exchanges.map((e) => e.events), [[], []]);
    exchanges[0]!.client!.head(new ResponseHead(101, []));
    exchanges[1]!.client!.head(new ResponseHead(403, [], 0));
    exchanges[1]!.client!.end(null);
    const frames = await peer.frames();
    assert.deepEqual(exchanges.map((e) => e.events), [['data early', 'end'], ['reset noError']]);
    assert.deepEqual(frames.map((f) => [f.id, f.type, f.payload.toString('latin1').split('\n')[0]]), [
      [1, TYPE.headers, ':status: 200'], [3, TYPE.headers, ':status: 403'], [3, TYPE.rstStream, '\0\0\0\0'],
    ]);
    exchanges[0]!.client!.end(null);
    await peer.frames();
    assert.equal(connection.active, 0);
    assert.equal(peer.wire.held, 0);
  });

  it('an ordinary response is no success, and malformed requests are no requests', async () => {
    const { peer, exchanges } = await rawServer();
    await peer.send(ask(peer));
    exchanges[0]!.client!.head(new ResponseHead(200, [], 4));
    exchanges[0]!.client!.data(Buffer.from('page'), 0, 4);
    assert.equal(resetCode(await peer.frames(), 1), CODE.connect);
    assert.deepEqual(exchanges[0]!.events, ['reset protocol']);
    const frames = await peer.send(
      peer.headers(3, [':method', 'CONNECT', ':protocol', 'websocket', ':authority', 'a']),
      peer.headers(5, [':method', 'GET', ':protocol', 'websocket', ':scheme', 'http', ':path', '/', ':authority', 'a']),
    );
    assert.deepEqual([resetCode(frames, 3), resetCode(frames, 5)], [CODE.protocol, CODE.protocol]);
    assert.deepEqual(peer.counted, ['upgrade-not-taken', 'connect-pseudo-headers', 'protocol-without-connect']);
    assert.equal(exchanges.length, 1);
  });
});
