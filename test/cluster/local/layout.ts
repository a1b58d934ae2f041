/**
 * Where a local cluster lives: every path, name and address follows from its name, a free index and its number of nodes,
 * so that two clusters stay apart and the remains of a killed run are found again.
 */
import { join } from 'node:path';

export const KUBERNETES_VERSION = '1.34.4';
export const COREDNS_VERSION = '1.12.4';
export const SERVICE_CIDR = '10.96.0.0/16';
export const SERVICE_CIDR6 = 'fd00:96::/112';
export const API_SERVICE_IP = '10.96.0.1';
export const DNS_SERVICE_IP = '10.96.0.10';
export const CLUSTER_DOMAIN = 'cluster.local';
export const SECURE_PORT = 6443;
/** The index picks the node subnet and the pod range; more than this would leave 10.100-10.199. */
export const INDEXES = 100;
/** One octet numbers the nodes. */
export const MAX_NODES = 9;

export interface NodeLayout {
  /** 1 for the node with the control plane */
  number: number;
  name: string;
  /** name under /run/netns */
  netnsName: string;
  netns: string;
  /** host end of its link */
  link: string;
  ip: string;
  podCIDR: string;
  ip6: string;
  podCIDR6: string;
  /** state of this node; the folders below appear at their usual places (/var/lib/kubelet, …) inside the node */
  dir: string;
  logDir: string;
  initScript: string;
  cgroup: string;
}

export interface Layout {
  name: string;
  index: number;
  dir: string;
  pkiDir: string;
  kubeconfig: string;
  /** written when everything answered once; holds nothing */
  readyMark: string;
  bridge: string;
  bridgeIp: string;
  nodeCIDR: string;
  podCIDR: string;
  podCIDR6: string;
  server: string;
  nodes: NodeLayout[];
}

/** cgroup of all nodes of a cluster, below the root of every hierarchy. */
export function clusterCgroup(name: string): string {
  return `/kubectl-mesh/${name}`;
}

/** Prefix of the network namespaces of a cluster; a number follows. */
export function netnsPrefix(name: string): string {
  return `kubectl-mesh.${name}.`;
}

/** Interface alias that marks a bridge as a cluster's. */
export function bridgeAlias(name: string): string {
  return `kubectl-mesh/${name}`;
}

export function bridgeName(index: number): string {
  return `kmesh${index}`;
}

/** First index to try for a name: spread by a hash (FNV-1a), so that names keep their addresses from run to run. */
export function preferredIndex(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of Buffer.from(name)) hash = Math.imul(hash ^ char, 0x01000193) >>> 0;
  return hash % INDEXES;
}

export function layout(clustersDir: string, name: string, index: number, nodeCount: number): Layout {
  const dir = join(clustersDir, name);
  const subnet = `172.31.${index}`;
  const subnet6 = `fd00:31:${index}`;
  const pods6 = `fd00:${100 + index}`;
  const nodes = Array.from({ length: nodeCount }, (_, i): NodeLayout => {
    const number = i + 1;
    const nodeDir = join(dir, 'nodes', String(number));
    const netnsName = `${netnsPrefix(name)}${number}`;
    return {
      number,
      name: `${name}-${number}`,
      netnsName,
      netns: `/run/netns/${netnsName}`,
      link: `${bridgeName(index)}n${number}`,
      ip: `${subnet}.${number + 1}`,
      podCIDR: `10.${100 + index}.${number}.0/24`,
      ip6: `${subnet6}::${number + 1}`,
      podCIDR6: `${pods6}:0:${number}::/64`,
      dir: nodeDir,
      logDir: join(nodeDir, 'log'),
      initScript: join(nodeDir, 'init.sh'),
      cgroup: `${clusterCgroup(name)}/${number}`,
    };
  });
  return {
    name,
    index,
    dir,
    pkiDir: join(dir, 'pki'),
    kubeconfig: join(dir, 'kubeconfig'),
    readyMark: join(dir, 'ready'),
    bridge: bridgeName(index),
    bridgeIp: `${subnet}.1`,
    nodeCIDR: `${subnet}.0/24`,
    podCIDR: `10.${100 + index}.0.0/16`,
    podCIDR6: `${pods6}::/48`,
    server: `https://${subnet}.2:${SECURE_PORT}`,
    nodes,
  };
}
