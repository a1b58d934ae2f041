import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { INDEXES, layout, MAX_NODES, preferredIndex } from './layout.ts';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/);
const index = fc.integer({ min: 0, max: INDEXES - 1 });

describe('layout', () => {
  it('derives everything from name, index and number of nodes', () => {
    const cluster = layout('/state', 'mesh', 4, 2);
    assert.equal(cluster.server, 'https://172.31.4.2:6443');
    assert.equal(cluster.kubeconfig, '/state/mesh/kubeconfig');
    assert.deepEqual(
      cluster.nodes.map((node) => [node.name, node.ip, node.podCIDR, node.link, node.netns, node.cgroup]),
      [
        ['mesh-1', '172.31.4.2', '10.104.1.0/24', 'kmesh4n1', '/run/netns/kubectl-mesh.mesh.1', '/kubectl-mesh/mesh/1'],
        ['mesh-2', '172.31.4.3', '10.104.2.0/24', 'kmesh4n2', '/run/netns/kubectl-mesh.mesh.2', '/kubectl-mesh/mesh/2'],
      ],
    );
  });

  it('keeps interface names within what Linux allows', () => {
    for (const node of layout('/s', 'x', INDEXES - 1, MAX_NODES).nodes) assert.ok(node.link.length <= 15);
  });

  it('gives a name the same index every time, in range', () => {
    fc.assert(
      fc.property(name, (value) => {
        const first = preferredIndex(value);
        assert.equal(preferredIndex(value), first);
        assert.ok(Number.isInteger(first) && first >= 0 && first < INDEXES);
      }),
    );
  });

  it('shares no address, path, link, namespace or cgroup between clusters', () => {
    const identity = (clusterName: string, clusterIndex: number) => {
      const cluster = layout('/state', clusterName, clusterIndex, MAX_NODES);
      return [cluster.dir, cluster.bridge, cluster.bridgeIp, cluster.podCIDR, cluster.podCIDR6, ...cluster.nodes.flatMap((node) => [node.name, node.ip, node.ip6, node.podCIDR, node.podCIDR6, node.link, node.netns, node.cgroup])];
    };
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 2, maxLength: 2 }), fc.uniqueArray(index, { minLength: 2, maxLength: 2 }), (names, indexes) => {
        const [a, b] = [identity(names[0]!, indexes[0]!), identity(names[1]!, indexes[1]!)];
        assert.equal(new Set([...a, ...b]).size, a.length + b.length);
      }),
    );
  });
});
