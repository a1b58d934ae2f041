import assert from 'node:assert/strict';
import { connect, createServer, type ClientHttp2Session, type Http2Server, type OutgoingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ConnectError, Code } from '@connectrpc/connect';
import { Destination } from '../../api/gen/destination_pb.js';
import { Identity } from '../../api/gen/identity_pb.js';
import { METHODS } from '../../api/gen/tables.ts';
import { ManualClock } from '../../lib/clock.ts';
import { frame, FrameParser } from '../../lib/grpc/frame.ts';
import type { Outgoing } from './call.ts';
import { NOBODY } from './caller.ts';
import { dispatch, type Dispatch } from './dispatch.ts';
import { until } from './testing/mesh.ts';

describe('gRPC on HTTP/2 streams', () => {
  let server: Http2Server;
  let session: ClientHttp2Session;
  let calls: Dispatch;
  let clock: ManualClock;
  let outs: Outgoing[];
  let ended: number;

  beforeEach(async () => {
    outs = [];
    ended = 0;
    clock = new ManualClock();
    server = createServer();
    calls = dispatch(server, {
      clock, callerOf: () => NOBODY, admit: () => null, onError: (error) => { throw error; },
      routes: (router) => router
        .service(Identity, { certify: () => new Promise(() => undefined) })
        .service(Destination, {
          get: () => (out) => {
            out.onEnd = () => { ended++; };
            outs.push(out);
          },
        }),
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    session.destroy();
    await new Promise((resolve) => { server.close(resolve); });
  });

  function call(path: string, body: Buffer, headers: OutgoingHttpHeaders = {}) {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
    const result = { stream, seen: {} as Record<string, unknown>, bytes: 0, messages: [] as number[], over: false };
    const parser = new FrameParser((message) => result.messages.push(message.length));
    const note = (more: object): void => void Object.assign(result.seen, more);
    stream.on('response', note).on('trailers', note).on('error', () => undefined).on('close', () => { result.over = true; });
    stream.on('data', (chunk: Buffer) => parser.push(chunk));
    stream.end(body);
    return result;
  }
  const EMPTY = frame(Buffer.alloc(0));

  it('refuse by HTTP status what is no call, and by gRPC status what is no message', async () => {
    const results = [
      call(METHODS.Destination_Get, EMPTY, { ':method': 'PUT' }), call(METHODS.Destination_Get, EMPTY, { 'content-type': 'text/plain' }), call(METHODS.Destination_GetProfile, EMPTY),
      call(METHODS.Destination_Get, Buffer.alloc(0)), call(METHODS.Destination_Get, Buffer.concat([EMPTY, EMPTY])), call(METHODS.Destination_Get, frame(Buffer.of(0xff))),
      call(METHODS.Destination_Get, Buffer.of(1, 0, 0, 0, 0)),
    ];
    await until(() => results.every(({ over }) => over));
    assert.deepEqual(results.map(({ seen }) => seen['grpc-status'] ?? seen[':status']), [405, 415, 404, '3', '12', '3', '12']);
    assert.equal(outs.length, 0);
  });

  it('end by the deadline that the client has set', async () => {
    const waiting = call(METHODS.Identity_Certify, EMPTY, { 'grpc-timeout': '250m' });
    const patient = call(METHODS.Identity_Certify, EMPTY, { 'grpc-timeout': '9H' });
    await until(() => {
      clock.advance(250);
      return waiting.over;
    });
    assert.deepEqual([waiting.seen['grpc-status'], patient.over], ['4', false]);
  });

  it('send long messages whole, one after the other, and say when the client has caught up', async () => {
    const watch = call(METHODS.Destination_Get, EMPTY);
    await until(() => outs.length === 1);
    let drained = 0;
    outs[0]!.onDrain = () => { drained++; };
    assert.equal(outs[0]!.send({ bytes: frame(Buffer.alloc(100_000)), count: 1 }), false);
    await until(() => drained === 1);
    assert.equal(outs[0]!.send({ bytes: Buffer.concat([frame(Buffer.alloc(10)), frame(Buffer.alloc(20))]), count: 2 }), true);
    await until(() => watch.messages.length === 3);
    assert.deepEqual(watch.messages, [100_000, 10, 20]);
    calls.abort(new ConnectError('enough', Code.Unavailable));
    await until(() => watch.over);
    assert.deepEqual([watch.seen['grpc-status'], watch.seen['grpc-message'], ended], ['14', 'enough', 1]);
  });

  it('tell a handler of a client that is gone, in the middle of a message too', async () => {
    const watch = call(METHODS.Destination_Get, EMPTY);
    watch.stream.pause();
    await until(() => outs.length === 1);
    outs[0]!.send({ bytes: frame(Buffer.alloc(1_000_000)), count: 1 });
    watch.stream.close();
    await until(() => ended === 1);
  });
});
