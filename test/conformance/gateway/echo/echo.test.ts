import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { run } from './client.ts';
import { clientOptions, serverOptions } from './options.ts';
import { serve } from './server.ts';

/** Ports that were free a moment ago. */
async function freePorts(n: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: n }, () => new Promise<ReturnType<typeof createServer>>((resolve) => { const s = createServer().listen(0, () => resolve(s)); })));
  const ports = servers.map((s) => (s.address() as AddressInfo).port);
  await Promise.all(servers.map((s) => new Promise((resolve) => { s.close(resolve); })));
  return ports;
}

async function call(...args: string[]): Promise<string> {
  let out = '';
  await run(clientOptions(args), (text) => (out += text));
  return out;
}

describe('the echo server and its client', () => {
  let http: number;
  let https: number;
  let grpc: number;
  let close: () => Promise<unknown>;
  before(async () => {
    const [a, b, c] = await freePorts(3);
    [http, https, grpc] = [a!, b!, c!];
    close = await serve(serverOptions([`--port=${http}`, `--port=${https}`, `--tls=${https}`, `--grpc=${grpc}`]), { hostname: 'echo-v1-5d-x', version: 'v1' }, Date.now());
  });
  after(() => close());

  it('say what was asked and who answered, over HTTP', async () => {
    const out = await call(`http://localhost:${http}/a?b=c`, '--method=POST', '-H', 'X-Name:value');
    for (const line of ['[0] StatusCode=200', '[0 body] RequestHeader=X-Name:value', '[0 body] URL=/a?b=c', '[0 body] Method=POST', '[0 body] Hostname=echo-v1-5d-x', `[0 body] Host=localhost:${http}`]) {
      assert.ok(out.split('\n').includes(line), `${line} in\n${out}`);
    }
  });

  it('send the Host that they are told to', async () => {
    assert.match(await call(`http://localhost:${http}/`, '-H', 'Host: other.example'), /\[0 body] Host=other\.example\n/);
  });

  it('over HTTPS', async () => {
    assert.match(await call(`https://localhost:${https}/`), /StatusCode=200\n/);
  });

  it('many times over gRPC, answers apart from one another', async () => {
    const answers = (await call(`grpc://localhost:${grpc}`, '--count=3', '-H', 'x-name:value')).trim().split('\n\n');
    assert.equal(answers.length, 3);
    for (const a of answers) assert.match(a, /StatusCode=200[^]*RequestHeader=X-Name:value[^]*Hostname=echo-v1-5d-x/);
  });

  it('fail when nobody answers', async () => {
    const [nobody] = await freePorts(1);
    await assert.rejects(call(`http://localhost:${nobody}/`), /ECONNREFUSED/);
  });
});
