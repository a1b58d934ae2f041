/** nghttp2's clients (Debian: nghttp2-client) through the proxy's HTTP/2 server and client to a node:http2 server. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type Chain, startChain } from '../../proxy/http2/chain.testkit.ts';

async function run(command: string, args: string[]): Promise<Buffer> {
  return new Promise((done, failed) => {
    execFile(command, args, { encoding: 'buffer', maxBuffer: 1 << 26 }, (error, stdout) => {
      if (error === null) done(stdout);
      else failed(new Error(`${command} failed; it is in the Debian package nghttp2-client. ${error.message}`));
    });
  });
}

describe('nghttp2 clients', () => {
  let chain: Chain;
  afterEach(() => chain.close());

  it('nghttp sends a body and reads it back, with padding, continuation and small windows', async () => {
    chain = await startChain((stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const folder = await mkdtemp(path.join(os.tmpdir(), 'kubectl-mesh-nghttp-'));
    try {
      const body = randomBytes(3_000_000);
      const file = path.join(folder, 'body');
      await writeFile(file, body);
      for (const args of [[], ['--padding=200', '--continuation'], ['--window-bits=10', '--connection-window-bits=10'], ['--header-table-size=0'], ['--header-table-size=100']])
        assert.ok((await run('nghttp', [...args, `--data=${file}`, `http://127.0.0.1:${chain.port}/a`])).equals(body), args.join(' '));
      assert.deepEqual(chain.counted, []);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('h2load has every request answered, on few and on many streams', async () => {
    const body = randomBytes(10_000);
    chain = await startChain((stream) => {
      stream.respond({ ':status': 200, 'date': new Date().toUTCString() });
      stream.end(body);
    });
    for (const args of [['-n2000', '-c4', '-m32'], ['-n1000', '-c1', '-m200'], ['-n500', '-c50', '-m1'], ['-n1000', '-c2', '-m50', '-w14', '-W14'], ['-n500', '-c2', '-m10', '--header-table-size=0']]) {
      const out = (await run('h2load', [...args, `http://127.0.0.1:${chain.port}/`])).toString();
      const n = args[0]!.slice(2);
      assert.match(out, new RegExp(`${n} total, ${n} started, ${n} done, ${n} succeeded, 0 failed, 0 errored, 0 timeout`), out);
    }
    assert.deepEqual(chain.counted, []);
    assert.equal(chain.upstream.active, 0);
  });
});
