/** Nodes as the API server lists them, for clusters whose nodes are not namespaces of this machine. */
import type { NodeInfo } from './provider.ts';
import { must, type Exec } from './exec.ts';

interface NodeObject {
  metadata: { name: string; creationTimestamp: string };
  spec?: { podCIDR?: string };
  status?: { addresses?: { type: string; address: string }[] };
}

/** `kubectl get nodes -o json` into NodeInfo, oldest first. */
export function parseNodes(json: string): NodeInfo[] {
  const { items } = JSON.parse(json) as { items: NodeObject[] };
  const ordered = items.sort((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) || a.metadata.name.localeCompare(b.metadata.name));
  return ordered.map((node) => ({
    name: node.metadata.name,
    ip: node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address ?? '',
    netns: null,
    podCIDR: node.spec?.podCIDR ?? '',
  }));
}

export async function listNodes(run: Exec, kubectl: string, flags: readonly string[]): Promise<NodeInfo[]> {
  return parseNodes(await must(run, 'list the nodes', kubectl, [...flags, 'get', 'nodes', '-o', 'json']));
}
