/** gRPC as its own library speaks it, through two proxies: the four kinds of call, deadlines, cancellation, and what the metrics say of them. */
import assert from 'node:assert/strict';
import {
  Client, credentials, Metadata, Server, ServerCredentials, status, type ClientDuplexStream, type ClientReadableStream, type ClientWritableStream, type MethodDefinition, type sendUnaryData,
  type ServerDuplexStream, type ServerReadableStream, type ServerUnaryCall, type ServerWritableStream, type ServiceError,
} from '@grpc/grpc-js';
import http from 'node:http';
import { startPair, type Mesh } from './pair.ts';

type Call = 'Unary' | 'Up' | 'Down' | 'Both' | 'Hang' | 'Fail';

const bytes = { requestSerialize: (b: Buffer) => b, requestDeserialize: (b: Buffer) => b, responseSerialize: (b: Buffer) => b, responseDeserialize: (b: Buffer) => b };
const method = (name: Call, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> => ({ path: `/test.Echo/${name}`, requestStream, responseStream, ...bytes });
const METHODS = {
  Unary: method('Unary', false, false), Up: method('Up', true, false), Down: method('Down', false, true), Both: method('Both', true, true),
  Hang: method('Hang', true, true), Fail: method('Fail', false, false),
};

/** Methods whose end by the client the server has seen. */
const cancelled: string[] = [];

function server(): Server {
  const s = new Server();
  s.addService(METHODS, {
    Unary: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      const trailers = new Metadata();
      trailers.set('x-trailer', String(call.metadata.get('x-head')[0]));
      done(null, call.request, trailers);
    },
    Fail: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done({ code: status.RESOURCE_EXHAUSTED, details: 'no more: 100 %' }),
    Up: (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      let n = 0;
      call.on('data', (b: Buffer) => { n += b.length; });
      call.on('end', () => done(null, Buffer.from(String(n))));
    },
    Down: (call: ServerWritableStream<Buffer, Buffer>) => {
      for (let i = 0; i < Number(call.request.toString()); i++) call.write(Buffer.alloc(10_000, i));
      call.end();
    },
    Both: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (b: Buffer) => call.write(b));
      call.on('end', () => call.end());
    },
    Hang: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('cancelled', () => cancelled.push(call.getPath()));
      call.on('error', () => {});
      call.on('data', (b: Buffer) => call.write(b));
    },
  });
  return s;
}

async function metrics(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path: '/metrics' }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (c: string) => { text += c; }).on('end', () => resolve(text));
    }).on('error', reject);
  });
}

/** Waits for something that the server's side of a broken call does in its own time. */
async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((r) => { setTimeout(r, 5); });
}

describe('gRPC through two proxies', () => {
  let app: Server;
  let mesh: Mesh;
  let client: Client;

  before(async () => {
    app = server();
    const port = await new Promise<number>((resolve, reject) => {
      app.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (e, p) => (e === null ? resolve(p) : reject(e)));
    });
    mesh = await startPair(port);
    client = new Client(`127.0.0.1:${mesh.client.outboundPort}`, credentials.createInsecure());
  });
  after(async () => {
    client.close();
    await mesh.close();
    app.forceShutdown();
  });

  const unary = async (name: Call, body: Buffer, deadline?: number): Promise<{ body: Buffer; trailer: unknown }> => new Promise((resolve, reject) => {
    const head = new Metadata();
    head.set('x-head', 'value');
    const m = METHODS[name];
    let answer: Buffer | null = null;
    const call = client.makeUnaryRequest(m.path, m.requestSerialize, m.responseDeserialize, body, head, deadline === undefined ? {} : { deadline: Date.now() + deadline }, (e, b) => {
      if (e === null) answer = b!;
      else reject(e);
    });
    call.on('status', (s) => { if (answer !== null) resolve({ body: answer, trailer: s.metadata.get('x-trailer')[0] }); });
  });
  const up = (name: Call, done: (e: ServiceError | null, b?: Buffer) => void): ClientWritableStream<Buffer> =>
    client.makeClientStreamRequest(METHODS[name].path, bytes.requestSerialize, bytes.responseDeserialize, done);
  const down = (name: Call, body: Buffer): ClientReadableStream<Buffer> => client.makeServerStreamRequest(METHODS[name].path, bytes.requestSerialize, bytes.responseDeserialize, body);
  const both = (name: Call, options = {}): ClientDuplexStream<Buffer, Buffer> => client.makeBidiStreamRequest(METHODS[name].path, bytes.requestSerialize, bytes.responseDeserialize, new Metadata(), options);

  it('unary, with metadata both ways', async () => {
    for (const size of [0, 5, 100_000, 3_000_000]) {
      const r = await unary('Unary', Buffer.alloc(size, 7));
      assert.equal(r.body.length, size);
      assert.equal(r.trailer, 'value');
    }
  });

  it('client streaming', async () => {
    const got = await new Promise<string>((resolve, reject) => {
      const call = up('Up', (e, b) => (e === null ? resolve(b!.toString()) : reject(e)));
      for (let i = 0; i < 200; i++) call.write(Buffer.alloc(10_000));
      call.end();
    });
    assert.equal(got, '2000000');
  });

  it('server streaming', async () => {
    let n = 0;
    for await (const b of down('Down', Buffer.from('300'))) n += (b as Buffer).length;
    assert.equal(n, 3_000_000);
  });

  it('both ways at once: each message is answered before the next is sent', async () => {
    const call = both('Both');
    const answers = call[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (let i = 0; i < 50; i++) {
      call.write(Buffer.from(`message ${i}`));
      assert.equal((await answers.next()).value.toString(), `message ${i}`);
    }
    call.end();
    assert.equal((await answers.next()).done, true);
  });

  it('an error by its code and message', async () => {
    await assert.rejects(unary('Fail', Buffer.alloc(1)), { code: status.RESOURCE_EXHAUSTED, details: 'no more: 100 %' });
  });

  it('a deadline that passes: the server is told', async () => {
    cancelled.length = 0;
    const call = both('Hang', { deadline: Date.now() + 100 });
    const ended = new Promise<ServiceError>((r) => { call.once('error', r); });
    call.on('data', () => {});
    call.write(Buffer.from('x'));
    assert.equal((await ended).code, status.DEADLINE_EXCEEDED);
    await until(() => cancelled.length > 0);
    assert.deepEqual(cancelled, ['/test.Echo/Hang']);
  });

  it('a call that its client gives up: the server is told', async () => {
    cancelled.length = 0;
    const call = both('Hang');
    const ended = new Promise<ServiceError>((r) => { call.once('error', r); });
    call.write(Buffer.from('x'));
    await new Promise((r) => { call.once('data', r); });
    call.cancel();
    assert.equal((await ended).code, status.CANCELLED);
    await until(() => cancelled.length > 0);
  });

  it('a hundred calls at once', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, async (_, i) => unary('Unary', Buffer.alloc(i))));
    assert.deepEqual(all.map((r) => r.body.length), Array.from({ length: 100 }, (_, i) => i));
  });

  it('metrics have the status of each', async () => {
    const out = await metrics(mesh.client.adminPort);
    const inn = await metrics(mesh.server.adminPort);
    for (const text of [out, inn]) {
      assert.match(text, /response_total\{[^}]*status_code="200",classification="success",grpc_status="0"\} \d+/);
      assert.match(text, /response_total\{[^}]*grpc_status="8"\} 1\n/);
      assert.match(text, /response_total\{[^}]*error="CANCEL"\} 2\n/);
    }
  });
});
