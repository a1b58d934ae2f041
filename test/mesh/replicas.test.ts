/** Replicas of the control plane that end under a proxy with traffic: nothing fails, every change arrives, and what is not concerned is not touched. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { startCluster, type Cluster } from '../../control/cluster/cluster.ts';
import { watchRoutes, type Routes } from '../../control/cluster/routes.ts';
import { systemClock } from '../../lib/clock.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import { fakeApiServer, type FakeApiServer } from '../../lib/kube/testing/fake-api-server.ts';
import { silentLog } from '../../lib/log.ts';
import { until } from '../../lib/testing/until.ts';
import { TestControlPlane } from '../../proxy/testing/control-plane.ts';
import type { Running } from '../../proxy/testing/pair.ts';
import { clientOf, replica, route, service, type Replica } from './joined.testkit.ts';

const IP = '10.96.0.1';
const ROUNDS = 4;

/** A whole replica: watches of its own over the same API server. */
async function start(api: FakeApiServer): Promise<Replica> {
  const options = { client: api.client(), log: silentLog(), clock: systemClock };
  const [cluster, routes]: [Cluster, Routes] = [startCluster(options), watchRoutes(options)];
  await Promise.all([cluster.synced, routes.synced]);
  const serving = await replica({ cluster, routes });
  return { ...serving, async close() {
    await serving.close();
    await Promise.all([cluster.stop(), routes.stop()]);
  } };
}

describe('replicas of the control plane', () => {
  let api: FakeApiServer;
  let control: TestControlPlane;
  let proxy: Running;
  let replicas: Replica[];
  /** what kube-proxy does: each connection goes to one of those that are there */
  let address: net.Server;
  let next: number;
  const servers: http.Server[] = [];
  const connections = new Map<string, number>();
  const answers = { failed: [] as string[], from: new Map<string, number>(), turn: '' };
  let calling: Promise<void>;
  const stopping = new AbortController();

  async function backend(name: string): Promise<number> {
    const server = http.createServer((_, response) => response.end(name)).listen(0, '127.0.0.1');
    servers.push(server);
    connections.set(name, 0);
    server.on('connection', () => connections.set(name, connections.get(name)! + 1));
    await new Promise((resolve) => { server.once('listening', resolve); });
    return (server.address() as AddressInfo).port;
  }

  /** One request after the other until told to end. */
  async function callOn(): Promise<void> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!stopping.signal.aborted) {
      await new Promise<void>((resolve) => {
        const request = http.get({ host: '127.0.0.1', port: proxy.outboundPort, path: '/', headers: { host: 'web' }, agent }, (response) => {
          response.setEncoding('utf8').on('data', (from: string) => answers.from.set(from, (answers.from.get(from) ?? 0) + 1)).on('end', resolve);
          if (response.statusCode !== 200) answers.failed.push(`status ${response.statusCode} ${String(response.headers['l5d-proxy-error'])}`);
          answers.turn = String(response.headers['x-turn']);
        });
        request.on('error', (error) => {
          answers.failed.push(error.message);
          resolve();
        });
      });
      await new Promise((resolve) => { setTimeout(resolve, 1); });
    }
    agent.destroy();
  }

  const callsMade = (count: number) => () => Array.from(answers.from.values()).reduce((sum, n) => sum + n, 0) >= count;
  const turnRoute = (turn: number): string => route('HTTPRoute', 'web', `[{filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Turn, value: "${turn}"}]}}], backendRefs: [{name: web, port: 80}]}]`);

  before(async () => {
    const [one, two] = [await backend('one'), await backend('two')];
    api = await fakeApiServer(service('web', IP, one), service('web', IP, two, { slice: 'web-2' }).split('\n---')[1]!, turnRoute(0));
    control = new TestControlPlane();
    await control.start();
    replicas = [await start(api), await start(api), await start(api)];
    next = 0;
    address = net.createServer((socket) => {
      const one = replicas[next++ % replicas.length];
      if (one === undefined) return void socket.destroy();
      const to = net.connect(one.port, '127.0.0.1');
      for (const [from, into] of [[socket, to], [to, socket]] as const) from.pipe(into).on('error', () => undefined);
      for (const [from, into] of [[socket, to], [to, socket]] as const) from.on('close', () => into.destroy());
    });
    await new Promise<void>((resolve) => { address.listen(0, '127.0.0.1', resolve); });
    proxy = await clientOf(control, `127.0.0.1:${(address.address() as AddressInfo).port}`, { ip: IP, port: 80 });
    calling = callOn();
    await until('both backends are called', () => answers.from.has('one') && answers.from.has('two') && answers.turn === '0');
  });
  after(async () => {
    stopping.abort();
    await calling;
    await proxy.close();
    for (const one of replicas) await one.close();
    address.close();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    await control.stop();
    await api.close();
  });

  it('end one after the other, told or killed: no request fails, changes arrive, connections to endpoints stay', async () => {
    const third = await backend('three');
    const untouched = ['one', 'two'].map((name) => connections.get(name));
    for (let round = 1; round <= ROUNDS; round++) {
      const [gone] = replicas.splice(round % 3, 1);
      if (round % 2 === 0) gone!.leave();
      await gone!.close();
      const there = round % 2 === 1;
      answers.from.clear();
      if (there) api.apply(...service('web', IP, third, { slice: 'web-3' }).split('\n---').slice(1));
      else api.remove(RESOURCES.endpointslices, 'shop/web-3');
      api.apply(turnRoute(round));
      await until(`the route of round ${round}`, () => answers.turn === String(round));
      if (there) await until('calls of the new endpoint', () => answers.from.has('three'));
      else await until('none of the old one among a hundred', () => {
        if (answers.from.has('three')) answers.from.clear();
        return callsMade(100)();
      });
      replicas.push(await start(api));
    }
    assert.deepEqual(answers.failed, []);
    assert.deepEqual(['one', 'two'].map((name) => connections.get(name)), untouched);
  });

  it('are all gone for a while: traffic goes on, and what changed meanwhile arrives when one is back', async () => {
    const gone = replicas.splice(0);
    for (const one of gone) await one.close();
    api.apply(turnRoute(99));
    answers.from.clear();
    await until('calls go on', callsMade(100));
    replicas.push(await start(api));
    await until('the change', () => answers.turn === '99');
    assert.deepEqual(answers.failed, []);
  });
});
