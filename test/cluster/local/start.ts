/** Sets a new local cluster up and starts its nodes; nothing here waits for Kubernetes. */
import { spawn } from 'node:child_process';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterError } from '../provider.ts';
import type { Exec } from '../exec.ts';
import { makeCgroup } from './cgroups.ts';
import { nodeFiles } from './components.ts';
import { initScript } from './init-script.ts';
import { layout, type Layout, type NodeLayout } from './layout.ts';
import { claimBridge, connectNodes, freeIndexes, needIpv6 } from './network.ts';
import { writePki } from './pki.ts';
import { writeCluster } from './state.ts';

export interface StartDeps {
  run: Exec;
  clustersDir: string;
  /** folder with the Kubernetes programs */
  binDir: string;
  now: () => Date;
}

/** The nodes' processes run on when this program ends. */
export async function startCluster(name: string, nodeCount: number, deps: StartDeps): Promise<Layout> {
  await needIpv6(deps.run);
  const cluster = await claim(name, nodeCount, deps);
  await connectNodes(deps.run, cluster);
  await writePki(cluster, deps.now());
  for (const node of cluster.nodes) {
    await makeCgroup(node.cgroup);
    await writeNode(cluster, node, deps.binDir);
  }
  for (const node of cluster.nodes) await launch(node);
  return cluster;
}

/** Finds addresses that nobody uses; writes them down before it takes them, so that a killed run can be cleaned up after. */
async function claim(name: string, nodeCount: number, deps: StartDeps): Promise<Layout> {
  for (const index of await freeIndexes(deps.run, name)) {
    const cluster = layout(deps.clustersDir, name, index, nodeCount);
    await writeCluster(deps.clustersDir, cluster);
    if (await claimBridge(deps.run, name, index)) return cluster;
  }
  throw new ClusterError('No subnet is free for another local cluster: every 172.31.0-99.0/24 is in use on this machine. Take a cluster down with `npm run cluster -- down --name NAME`.');
}

async function writeNode(cluster: Layout, node: NodeLayout, binDir: string): Promise<void> {
  for (const folder of ['lib/kubelet', 'lib/containerd', 'lib/cni', 'lib/etcd', 'log', 'tmp']) await mkdir(join(node.dir, 'var', folder), { recursive: true });
  await mkdir(node.logDir, { recursive: true });
  for (const [name, text] of Object.entries(nodeFiles(cluster, node))) {
    const path = join(node.dir, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  await writeFile(node.initScript, initScript(cluster, node, binDir), { mode: 0o755 });
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Not `ip netns exec`: it mounts another /sys, in which the kubelet finds no cgroups. */
async function launch(node: NodeLayout): Promise<void> {
  const log = await open(join(node.logDir, 'init.log'), 'a');
  const args = [`--net=${node.netns}`, 'unshare', '--mount', '--pid', '--fork', '--propagation', 'private', 'sh', node.initScript];
  // A proxy or credentials in the caller's environment are not for the nodes.
  const child = spawn('nsenter', args, { cwd: '/', detached: true, stdio: ['ignore', log.fd, log.fd], env: { PATH, HOME: '/root' } });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  await log.close();
}
