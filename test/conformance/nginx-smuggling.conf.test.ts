/** The ambiguous messages of test/fuzz/smuggling with nginx (Debian: nginx) behind the codecs: as many requests there as the client's side has counted. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { askHttp1, askHttp2 } from '../fuzz/smuggling/ask.ts';
import { HTTP1, HTTP2 } from '../fuzz/smuggling/cases.ts';
import { type Chain, h1ToH1, h1ToH2ToH1, h2ToH1 } from '../fuzz/smuggling/chains.ts';

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((done) => { server.once('listening', done); });
  const { port } = server.address() as net.AddressInfo;
  await new Promise((done) => { server.close(done); });
  return port;
}

async function reachable(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

describe('smuggling, with nginx as the origin', () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'kubectl-mesh-nginx-'));
  const log = path.join(dir, 'access.log');
  let nginx: ChildProcess;
  let port = 0;
  let chain: Chain | null = null;
  let read = 0;

  before(async () => {
    port = await freePort();
    const file = path.join(dir, 'nginx.conf');
    writeFileSync(file, `daemon off; master_process off; pid ${dir}/nginx.pid; error_log ${dir}/error.log;
events {}
http {
  log_format short '$request_method $request_uri $status'; access_log ${log} short;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi; uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  server { listen 127.0.0.1:${port}; location / { return 200 "ok"; } }
}
`);
    let output = '';
    nginx = spawn('nginx', ['-c', file]);
    nginx.stderr!.on('data', (b: Buffer) => { output += b.toString(); });
    const failed = new Promise<never>((_, reject) => {
      nginx.once('error', (e) => reject(new Error(`nginx cannot be started; it is in the Debian package nginx. ${e.message}`)));
      nginx.once('exit', () => reject(new Error(`nginx ended: ${output}`)));
    });
    failed.catch(() => {});
    while (!await Promise.race([reachable(port), failed])) await new Promise((done) => { setTimeout(done, 20); });
  });
  afterEach(async () => {
    await chain?.close();
    chain = null;
  });
  after(async () => {
    nginx.removeAllListeners('exit');
    const gone = new Promise((done) => { nginx.once('exit', done); });
    nginx.kill();
    await gone;
    rmSync(dir, { recursive: true });
  });

  /** Requests in nginx's log since the last call, as "METHOD target status". It writes a line when a response is out, so `count` of them are waited for. */
  const logged = async (count: number): Promise<string[]> => {
    for (let i = 0; ; i++) {
      const lines = readFileSync(log, 'latin1').split('\n').slice(0, -1);
      if (lines.length - read >= count || i > 100) {
        const fresh = lines.slice(read);
        read = lines.length;
        return fresh;
      }
      await new Promise((done) => { setTimeout(done, 10); });
    }
  };
  const expected = (seen: string): string => `${seen.split(' ').slice(0, 2).join(' ')} 200`;
  /** A request of which a part was passed on before the rest turned out to be bad: nginx may have counted it, as the client's side has. */
  const begun = (line: string): boolean => line.startsWith('POST /p ');

  for (const [name, start] of [['HTTP/1 to HTTP/1', h1ToH1], ['HTTP/1 over HTTP/2 to HTTP/1', h1ToH2ToH1]] as const) {
    it(name, async () => {
      chain = await start(port);
      for (const c of HTTP1) {
        await askHttp1(chain.port, c.bytes);
        const lines = await logged(c.seen.length);
        const want = c.seen.map(expected);
        assert.deepEqual(c.refused ? lines.filter((l) => !begun(l)) : lines, want, c.name);
        assert.ok(lines.length <= want.length + (c.refused ? 1 : 0), `${c.name}: ${lines.join()}`);
      }
    });
  }

  it('HTTP/2 to HTTP/1', async () => {
    chain = await h2ToH1(port);
    for (const c of HTTP2) {
      await askHttp2(chain.port, c);
      const lines = (await logged(c.seen === null ? 1 : 2)).filter((l) => l !== 'GET /end 200');
      if (c.seen !== null) assert.deepEqual(lines, [expected(c.seen)], c.name);
      else assert.ok(lines.length === 0 || (lines.length === 1 && begun(lines[0]!)), `${c.name}: ${lines.join()}`);
    }
  });
});
