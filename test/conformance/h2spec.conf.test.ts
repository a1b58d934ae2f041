/** h2spec 2.2.1 in strict mode against both roles of the proxy's HTTP/2 codec. Every case passes; RFC 9113 overrules none of those that this version has. */
import assert from 'node:assert/strict';
import { type ExecFileException, execFile, spawn } from 'node:child_process';
import { mkdir, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../lib/clock.ts';
import { dial, listen } from '../../proxy/http2/chain.testkit.ts';
import { startHarness } from '../../proxy/http2/h2spec.harness.ts';
import { Http2Client } from '../../proxy/http2/index.ts';
import { Wire } from '../../proxy/io/wire.ts';
import { RequestHead, type ResponseStream } from '../../proxy/message/contract.ts';
import { readEnv } from '../cluster/env.ts';

const VERSION = '2.2.1';
const MODULE = path.join(import.meta.dirname, 'h2spec');
const SERVER_CASES = 146;
const CLIENT_CASES = 57;
const POLL_MS = 20;

interface Done { code: number; out: string }

async function run(command: string, args: string[]): Promise<Done> {
  return new Promise((done) => {
    execFile(command, args, { cwd: MODULE, maxBuffer: 1 << 26 }, (error: ExecFileException | null, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      done({ code, out: `${code === 127 ? error!.message : stdout}\n${stderr}` });
    });
  });
}

/** Path of a program of h2spec, built with Go once a version and kept outside the checkout. */
async function build(program: 'h2spec' | 'h2specd'): Promise<string> {
  const folder = path.join(readEnv().cacheDir, `h2spec-${VERSION}`);
  const target = path.join(folder, program);
  if ((await run(target, ['--version'])).code === 0) return target;
  await mkdir(folder, { recursive: true });
  // Two runs may build at once: each makes its own file and moves it into place.
  const own = `${target}.${process.pid}`;
  const built = await run('go', ['build', '-mod=readonly', '-o', own, `github.com/summerwind/h2spec/cmd/${program}`]);
  assert.equal(built.code, 0, `h2spec could not be built. It needs Go 1.24 or newer on PATH and the Go module proxy. go build said:\n${built.out}`);
  await rename(own, target);
  return target;
}

/** The first of `count` ports in a row that nothing listens on. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const servers = [createServer()];
    const first = await listen(servers[0]!);
    try {
      for (let i = 1; i < count; i++) {
        const server = createServer();
        servers.push(server);
        await new Promise<void>((done, failed) => void server.once('error', failed).listen(first + i, '127.0.0.1', done));
      }
      return first;
    } catch {
      // One is taken: look elsewhere.
    } finally {
      await Promise.all(servers.map((s) => new Promise((done) => s.close(done))));
    }
  }
}

/** One GET by the proxy's client; whatever comes of it is h2spec's to judge. */
async function probe(port: number): Promise<Http2Client> {
  const client = new Http2Client(new Wire(await dial(port)), { clock: systemClock, count() {} });
  const answer: ResponseStream = { informational() {}, head() {}, data: (_buf, start, end) => request.credit(end - start), end() {}, reset() {}, credit() {} };
  const request = client.call(new RequestHead('GET', 'http', `127.0.0.1:${port}`, '/', []), true, answer);
  return client;
}

describe('h2spec', function () {
  this.timeout(600_000);

  it('finds no fault in the server', async () => {
    const h2spec = await build('h2spec');
    const { port, server } = await startHarness();
    const { out } = await run(h2spec, ['--host', '127.0.0.1', '--port', String(port), '--strict', '--timeout', '5']).finally(() => server.close());
    assert.match(out, new RegExp(`${SERVER_CASES} tests, ${SERVER_CASES} passed, 0 skipped, 0 failed`), out.slice(-4000));
  });

  // h2specd listens on a port for each case, and on one more for its report.
  it('finds no fault in the client', async () => {
    const h2specd = await build('h2specd');
    const first = await freePorts(CLIENT_CASES + 1);
    const child = spawn(h2specd, ['--host', '127.0.0.1', '--port', String(first + CLIENT_CASES), '--from-port', String(first), '--strict', '--timeout', '1'], { stdio: 'ignore' });
    const report = async (): Promise<string> => (await fetch(`http://127.0.0.1:${first + CLIENT_CASES}/report`)).text();
    const counts = (html: string): number[] => (/(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(html) ?? []).slice(1).map(Number);
    const clients: Http2Client[] = [];
    try {
      while ((await report().catch(() => '')) === '') await sleep(POLL_MS);
      for (let i = 0; i < CLIENT_CASES; i++) {
        clients.push(await probe(first + i));
        while (counts(await report())[0]! <= i) await sleep(POLL_MS);
      }
      const html = await report();
      assert.deepEqual(counts(html), [CLIENT_CASES, CLIENT_CASES, 0, 0], html.replaceAll(/<div[^>]*>/g, '\n').replaceAll(/<[^>]*>|&nbsp;/g, ' '));
    } finally {
      for (const c of clients) c.destroy();
      child.kill();
    }
  });
});
