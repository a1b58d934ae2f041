/** The proxy as a process: how it starts, ends, and goes on without its control plane. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { TestControlPlane } from './testing/control-plane.ts';
import { startPair } from './testing/pair.ts';
import { startProcess, type LogLine } from './testing/process.ts';

function get(port: number): Promise<{ status: number; connection: string; body: string }> {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path: '/', agent: false, headers: { connection: 'keep-alive' } }, (res) => {
      let body = '';
      res.on('data', (d: Buffer) => { body += d.toString(); });
      res.on('end', () => resolve({ status: res.statusCode!, connection: res.headers.connection ?? '', body }));
      res.on('error', reject);
    }).on('error', reject);
  });
}

describe('a proxy process', () => {
  const control = new TestControlPlane();
  const waiting: http.ServerResponse[] = [];
  const arrived: (() => void)[] = [];
  const app = http.createServer((_req, res) => {
    waiting.push(res);
    arrived.shift()?.();
  });
  let child: ChildProcess;
  let inbound = 0;
  let admin = 0;
  let lines: LogLine[] = [];
  let said: (msg: string) => Promise<void>;

  before(async () => {
    await control.start();
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
  });
  after(async () => {
    app.closeAllConnections();
    app.close();
    await control.stop();
  });
  afterEach(() => {
    child.kill('SIGKILL');
    waiting.length = 0;
  });

  const start = async (more: Record<string, string> = {}): Promise<void> => {
    ({ child, inbound, admin, lines, said } = await startProcess(control, (app.address() as net.AddressInfo).port, more));
  };

  /** A request that the application has and does not answer yet; in an object, as an async function would wait for a promise that it returns. */
  const inFlight = async (): Promise<{ answer: ReturnType<typeof get> }> => {
    const there = new Promise<void>((r) => { arrived.push(r); });
    const answer = get(inbound);
    answer.catch(() => {});
    await there;
    return { answer };
  };

  it('says after how long it was ready, and finishes what is in flight before it ends', async () => {
    await start();
    assert.ok(lines.find((l) => l.msg === 'ready')!.sinceStartMs! > 0);
    const { answer } = await inFlight();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await said('draining');
    await assert.rejects(get(inbound), /ECONNREFUSED/);
    assert.equal((await get(admin)).status, 404, 'the admin port goes on');
    waiting[0]!.end('done');
    const { status, connection, body } = await answer;
    assert.deepEqual([status, connection, body], [200, 'close', 'done']);
    assert.deepEqual(await ended, [0, null]);
  });

  it('ends at once when it is told twice', async () => {
    await start();
    const { answer } = await inFlight();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await said('draining');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    await assert.rejects(answer);
  });

  it('cuts what is still open when the grace period is over', async () => {
    await start({ MESH_PROXY_SHUTDOWN_GRACE_PERIOD: '100ms' });
    const { answer } = await inFlight();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    await assert.rejects(answer);
    assert.ok(lines.some((l) => l.msg === 'stopped'));
  });
});

describe('a pair of proxies whose control plane is away', () => {
  it('goes on with what it knows, and follows again when it is back', async () => {
    const app = http.createServer((_req, res) => res.end('hello'));
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    const mesh = await startPair((app.address() as net.AddressInfo).port);
    const { client, control } = mesh;
    assert.equal((await get(client.outboundPort)).body, 'hello');
    const { port } = control;
    await control.stop();
    for (let i = 0; i < 3; i++) assert.equal((await get(client.outboundPort)).body, 'hello');
    control.calls = [];
    await control.start(port);
    while (!control.calls.some((c) => c.endsWith('Destination/Get'))) await new Promise((r) => { setTimeout(r, 10); });
    assert.equal((await get(client.outboundPort)).body, 'hello');
    await mesh.close();
    app.closeAllConnections();
    app.close();
  });
});
