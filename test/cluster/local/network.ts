/** Bridge, namespaces and routes of a local cluster, made with ip(8) and marked so that only its own are ever removed. */
import { createHash } from 'node:crypto';
import { ClusterError } from '../provider.ts';
import { lastLines, must, type Exec } from '../exec.ts';
import { bridgeName, INDEXES, netnsPrefix, preferredIndex, type Layout } from './layout.ts';

interface Link {
  ifname: string;
  address?: string;
  addr_info?: { local?: string }[];
}

/** Hardware address of a cluster's bridge. It tells whose the bridge is from the moment it exists. */
export function bridgeMac(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex');
  return ['02', '6b', hash.slice(0, 2), hash.slice(2, 4), hash.slice(4, 6), hash.slice(6, 8)].join(':');
}

async function links(run: Exec): Promise<Link[]> {
  return JSON.parse(await must(run, 'list network links', 'ip', ['-json', 'addr'])) as Link[];
}

/** Throws where the kernel has no IPv6, or has it turned off: clusters are dual-stack. */
export async function needIpv6(run: Exec): Promise<void> {
  const addresses = (await links(run)).flatMap((link) => link.addr_info ?? []);
  if (addresses.some(({ local }) => local === '::1')) return;
  throw new ClusterError('IPv6 is off on this machine, and the clusters of the local provider have addresses of both families. Turn it on with `sysctl net.ipv6.conf.all.disable_ipv6=0`, or use --provider kind or --provider existing.');
}

/** Indexes to try in order: the name's own first, without those whose addresses this machine uses already. */
export async function freeIndexes(run: Exec, name: string): Promise<number[]> {
  const used = (await links(run)).flatMap((link) => (link.addr_info ?? []).map((address) => address.local ?? ''));
  const names = new Set((await links(run)).map((link) => link.ifname));
  const first = preferredIndex(name);
  return Array.from({ length: INDEXES }, (_, i) => (first + i) % INDEXES).filter(
    (index) => !names.has(bridgeName(index)) && !used.some((address) => address.startsWith(`172.31.${index}.`)),
  );
}

/** Makes the bridge; false if somebody made one of that name first. */
export async function claimBridge(run: Exec, name: string, index: number): Promise<boolean> {
  const args = ['link', 'add', bridgeName(index), 'address', bridgeMac(name), 'type', 'bridge'];
  const { code, stderr } = await run('ip', args);
  if (code === 0) return true;
  if (stderr.includes('File exists')) return false;
  throw new ClusterError(
    `Could not make a network bridge: \`ip ${args.join(' ')}\` said ${lastLines(stderr)}. The local provider needs root with CAP_NET_ADMIN and CAP_SYS_ADMIN; ` +
      'inside a container start it privileged, or use --provider kind or --provider existing.',
  );
}

/** Namespaces, links, addresses and routes; the bridge is there already. */
export async function connectNodes(run: Exec, cluster: Layout): Promise<void> {
  const ip = (what: string, ...args: string[]) => must(run, what, 'ip', args);
  await ip('set the address of the bridge', 'addr', 'add', `${cluster.bridgeIp}/24`, 'dev', cluster.bridge);
  await ip('start the bridge', 'link', 'set', cluster.bridge, 'up');
  for (const node of cluster.nodes) {
    const inside = ['-netns', node.netnsName];
    await ip('make a network namespace', 'netns', 'add', node.netnsName);
    await ip('link a node to the bridge', 'link', 'add', node.link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', node.netnsName);
    await ip('link a node to the bridge', 'link', 'set', node.link, 'master', cluster.bridge, 'up');
    await ip('set the address of a node', ...inside, 'addr', 'add', `${node.ip}/24`, 'dev', 'eth0');
    await ip('set the address of a node', ...inside, 'addr', 'add', `${node.ip6}/64`, 'dev', 'eth0', 'nodad');
    await ip('start the links of a node', ...inside, 'link', 'set', 'lo', 'up');
    await ip('start the links of a node', ...inside, 'link', 'set', 'eth0', 'up');
    await ip('set the routes of a node', ...inside, 'route', 'add', 'default', 'via', cluster.bridgeIp);
    await ip('set the routes of a node', ...inside, '-6', 'route', 'add', 'default', 'dev', 'eth0');
    for (const other of cluster.nodes) {
      if (other === node) continue;
      await ip('set the routes of a node', ...inside, 'route', 'add', other.podCIDR, 'via', other.ip);
      await ip('set the routes of a node', ...inside, 'route', 'add', other.podCIDR6, 'via', other.ip6);
    }
  }
}

/** Names of the cluster's namespaces that exist. */
export async function namespacesOf(run: Exec, name: string): Promise<string[]> {
  const list = JSON.parse((await must(run, 'list network namespaces', 'ip', ['-json', 'netns', 'list'])) || '[]') as { name: string }[];
  return list.map((entry) => entry.name).filter((entry) => entry.startsWith(netnsPrefix(name)));
}

/** Removes what connectNodes and claimBridge made, whatever of it is there. Processes in the namespaces must have ended. */
export async function removeNetwork(run: Exec, name: string): Promise<void> {
  const mac = bridgeMac(name);
  const all = await links(run);
  for (const bridge of all.filter((link) => link.address === mac && /^kmesh\d+$/.test(link.ifname))) {
    const ports = all.filter((link) => link.ifname.startsWith(`${bridge.ifname}n`));
    for (const link of [...ports, bridge]) await removeLink(run, link.ifname);
  }
  for (const namespace of await namespacesOf(run, name)) await must(run, 'remove a network namespace', 'ip', ['netns', 'del', namespace]);
}

/** The kernel may have removed the link itself in the meantime, with the other end of the pair. */
async function removeLink(run: Exec, name: string): Promise<void> {
  const { code, stderr } = await run('ip', ['link', 'del', name]);
  if (code !== 0 && !stderr.includes('Cannot find device')) throw new ClusterError(`Could not remove the network link ${name}: ${lastLines(stderr)}. Run the command again as root.`);
}
