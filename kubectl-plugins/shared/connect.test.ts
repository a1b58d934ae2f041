import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, withCluster, type Target } from './connect.ts';
import { explain } from './kube-errors.ts';

describe('connecting to a cluster', () => {
  let folder: string;
  let server: http.Server;
  let seen: http.IncomingHttpHeaders[];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kubectl-mesh-'));
    server = http.createServer((request, response) => {
      seen.push(request.headers);
      response.end('{}');
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  });
  beforeEach(() => {
    seen = [];
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await new Promise((resolve) => { server.close(resolve); });
  });

  function target(user: object, given: Partial<Target> = {}, scheme = 'http'): Target {
    const file = join(folder, 'kubeconfig');
    writeFileSync(file, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'x', contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
      clusters: [{ name: 'c', cluster: { server: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}` } }], users: [{ name: 'u', user }],
    }));
    return { kubeconfig: file, context: undefined, as: undefined, asGroups: [], ...given };
  }

  it('uses the namespace and the token of the context', async () => {
    await withCluster(connect, target({ token: 'secret' }), async (kube) => {
      assert.equal(kube.connection.namespace, 'shop');
      await kube.json({ path: '/version' });
    });
    assert.equal(seen[0]?.authorization, 'Bearer secret');
  });

  it('impersonates a user and groups', async () => {
    await withCluster(connect, target({}, { as: 'jane', asGroups: ['dev', 'ops'] }), (kube) => kube.json({ path: '/version' }));
    assert.equal(seen[0]?.['impersonate-user'], 'jane');
    assert.equal(seen[0]?.['impersonate-group'], 'dev, ops');
  });

  it('says that a credential plugin is the trouble, and not the network', async () => {
    const exec = (command: string): object => ({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' } });
    const said = async (command: string): Promise<string> => {
      try {
        await withCluster(connect, target(exec(command), {}, 'https'), (kube) => kube.json({ path: '/version' }));
      } catch (error) {
        return explain(error).message;
      }
      return 'no error';
    };
    assert.match(await said('no-such-plugin'), /^The kubeconfig gives no credentials: spawn no-such-plugin ENOENT\./);
    assert.match(await said('false'), /^The kubeconfig gives no credentials: the credential plugin failed without a word\./);
  });
});
