import assert from 'node:assert/strict';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKubeClient } from './client.ts';
import { plain } from './connection.ts';
import { discovery } from './discovery.ts';

describe('discovery', () => {
  it('asks once a group, knows the common kinds by itself and names what is missing', async () => {
    const asked: string[] = [];
    const server = http.createServer((request, response) => {
      asked.push(request.url!);
      if (request.url !== '/apis/example.io/v1') return void response.writeHead(404).end('{}');
      response.end(JSON.stringify({ resources: [
        { name: 'widgets/status', kind: 'Widget', namespaced: true },
        { name: 'widgets', kind: 'Widget', namespaced: true },
      ] }));
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const client = createKubeClient({ connection: plain(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), name: 't' });
    const found = discovery(client);
    const metadata = { name: 'x' };
    assert.equal((await found.resourceOf({ apiVersion: 'apps/v1', kind: 'Deployment', metadata })).plural, 'deployments');
    assert.deepEqual(asked, []);
    const widget = { apiVersion: 'example.io/v1', kind: 'Widget', metadata };
    assert.deepEqual(await found.resourceOf(widget), { group: 'example.io', version: 'v1', plural: 'widgets', kind: 'Widget', namespaced: true });
    await found.resourceOf(widget);
    assert.deepEqual(asked, ['/apis/example.io/v1']);
    await assert.rejects(found.resourceOf({ apiVersion: 'example.io/v1', kind: 'Gadget', metadata }), /no kind Gadget in example\.io\/v1/);
    await assert.rejects(found.resourceOf({ apiVersion: 'other.io/v1', kind: 'Other', metadata }), /CustomResourceDefinition/);
    found.reset();
    await found.resourceOf(widget);
    assert.equal(asked.length, 3);
    client.close();
    await new Promise((resolve) => { server.close(resolve); });
  });
});
