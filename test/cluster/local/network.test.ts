import assert from 'node:assert/strict';
import { fakeExec } from '../fake-exec.ts';
import { layout, preferredIndex } from './layout.ts';
import { bridgeMac, claimBridge, connectNodes, freeIndexes, namespacesOf, needIpv6, removeNetwork } from './network.ts';

const links = (list: object[]) => ({ 'ip -json addr': { stdout: JSON.stringify(list) } });

describe('network', () => {
  it('prefers the index of the name, and passes over links and addresses in use', async () => {
    const first = preferredIndex('mesh');
    assert.equal((await freeIndexes(fakeExec(links([])).run, 'mesh'))[0], first);
    const taken = [{ ifname: `kmesh${first}` }, { ifname: 'eth1', addr_info: [{ local: `172.31.${first + 1}.7` }] }];
    const free = await freeIndexes(fakeExec(links(taken)).run, 'mesh');
    assert.equal(free[0], first + 2);
    assert.equal(free.length, 98);
  });

  it('makes locally administered unicast addresses that differ by name', () => {
    assert.match(bridgeMac('mesh'), /^02(:[0-9a-f]{2}){5}$/);
    assert.notEqual(bridgeMac('mesh'), bridgeMac('mesh2'));
  });

  it('tells a bridge that another run made first from one it may not make', async () => {
    assert.equal(await claimBridge(fakeExec().run, 'mesh', 4), true);
    assert.equal(await claimBridge(fakeExec({ ip: { code: 2, stderr: 'RTNETLINK answers: File exists' } }).run, 'mesh', 4), false);
    await assert.rejects(claimBridge(fakeExec({ ip: { code: 2, stderr: 'RTNETLINK answers: Operation not permitted' } }).run, 'mesh', 4), /Operation not permitted.*CAP_NET_ADMIN/);
  });

  it('wants a machine that has IPv6', async () => {
    await needIpv6(fakeExec(links([{ ifname: 'lo', addr_info: [{ local: '127.0.0.1' }, { local: '::1' }] }])).run);
    await assert.rejects(needIpv6(fakeExec(links([{ ifname: 'lo', addr_info: [{ local: '127.0.0.1' }] }])).run), /IPv6 is off on this machine/);
  });

  it('routes each node\'s pods to every other node', async () => {
    const { run, lines } = fakeExec();
    await connectNodes(run, layout('/s', 'mesh', 4, 3));
    const routes = lines().filter((line) => line.includes('route add 10.'));
    assert.equal(routes.length, 6);
    assert.ok(routes.includes('ip -netns kubectl-mesh.mesh.2 route add 10.104.3.0/24 via 172.31.4.4'));
    assert.ok(lines().includes('ip -netns kubectl-mesh.mesh.2 route add fd00:104:0:3::/64 via fd00:31:4::4'));
  });

  it('finds only the namespaces of the cluster', async () => {
    const list = [{ name: 'kubectl-mesh.mesh.1' }, { name: 'kubectl-mesh.mesh2.1' }, { name: 'mesh' }];
    assert.deepEqual(await namespacesOf(fakeExec({ 'ip -json netns': { stdout: JSON.stringify(list) } }).run, 'mesh'), ['kubectl-mesh.mesh.1']);
    assert.deepEqual(await namespacesOf(fakeExec().run, 'mesh'), []);
  });

  it('removes only what carries the cluster\'s mark', async () => {
    const all = [
      { ifname: 'kmesh4', address: bridgeMac('mesh') },
      { ifname: 'kmesh4n1', address: '0a:00:00:00:00:01' },
      { ifname: 'kmesh41', address: bridgeMac('other') },
      { ifname: 'kmesh41n1', address: '0a:00:00:00:00:02' },
      { ifname: 'br0', address: bridgeMac('mesh') },
    ];
    const { run, lines } = fakeExec({ ...links(all), 'ip -json netns': { stdout: '[{"name":"kubectl-mesh.mesh.1"}]' }, 'ip link del kmesh4n1': { code: 1, stderr: 'Cannot find device "kmesh4n1"' } });
    await removeNetwork(run, 'mesh');
    assert.deepEqual(lines().filter((line) => line.includes(' del ')), ['ip link del kmesh4n1', 'ip link del kmesh4', 'ip netns del kubectl-mesh.mesh.1']);
  });
});
