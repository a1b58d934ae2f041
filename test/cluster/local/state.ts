/** What a cluster's folder says about it. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { layout, type Layout } from './layout.ts';

interface Saved {
  index: number;
  nodes: number;
}

/** The cluster that was set up under this name, or undefined if none was or its file cannot be understood. */
export async function readCluster(clustersDir: string, name: string): Promise<Layout | undefined> {
  const text = await readFile(file(clustersDir, name), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { index, nodes } = JSON.parse(text) as Saved;
    return Number.isInteger(index) && Number.isInteger(nodes) ? layout(clustersDir, name, index, nodes) : undefined;
  } catch {
    return undefined;
  }
}

export async function writeCluster(clustersDir: string, cluster: Layout): Promise<void> {
  await mkdir(cluster.dir, { recursive: true, mode: 0o700 });
  const saved: Saved = { index: cluster.index, nodes: cluster.nodes.length };
  const path = file(clustersDir, cluster.name);
  await writeFile(`${path}.new`, `${JSON.stringify(saved)}\n`);
  await rename(`${path}.new`, path);
}

function file(clustersDir: string, name: string): string {
  return join(clustersDir, name, 'cluster.json');
}
