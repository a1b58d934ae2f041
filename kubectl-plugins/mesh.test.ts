import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ENTRY = join(import.meta.dirname, 'mesh.ts');
const NODE = process.execPath;

interface Ended { code: number | null; out: string; err: string }

/** Runs a shell line in which $MESH is the program. */
function shell(line: string, env: Record<string, string> = {}, started?: (kill: (signal: NodeJS.Signals) => void) => void): Promise<Ended> {
  const child = spawn('/bin/sh', ['-c', line], { env: { PATH: process.env['PATH'] ?? '', MESH: `${NODE} ${ENTRY}`, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (err += String(chunk)));
  started?.((signal) => child.kill(signal));
  return new Promise((resolve) => { child.on('close', (code) => resolve({ code, out, err })); });
}

describe('the process', () => {
  it('exits with the code of the command', async () => {
    assert.equal((await shell('$MESH version --client')).code, 0);
    assert.equal((await shell('$MESH nope')).code, 2);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const { code, err } = await shell('{ $MESH install -o yaml; echo $? >&2; } | true');
    assert.equal(code, 0);
    assert.equal(err.trim(), '0');
  });

  it('says when the disk is full', async () => {
    const { code, err } = await shell('$MESH version --client > /dev/full');
    assert.equal(code, 1);
    assert.match(err, /^error: The output cannot be written: ENOSPC/);
  });

  it('ends a tap on Ctrl-C with 0', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kubectl-mesh-'));
    let asked: () => void = () => undefined;
    const tapped = new Promise<void>((resolve) => { asked = resolve; });
    const server = http.createServer((_, response) => {
      response.writeHead(200).flushHeaders();
      asked();
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    writeFileSync(join(folder, 'config'), JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'x', contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } }], users: [{ name: 'u', user: {} }],
    }));
    const ended = await shell('exec $MESH tap deploy/web', { KUBECONFIG: join(folder, 'config') }, (kill) => void tapped.then(() => kill('SIGINT')));
    server.closeAllConnections();
    await new Promise((resolve) => { server.close(resolve); });
    rmSync(folder, { recursive: true });
    assert.deepEqual(ended, { code: 0, out: '', err: '' });
  });
});
