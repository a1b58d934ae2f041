/** The few questions to the API server that are asked too often for a kubectl each. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Layout } from './layout.ts';

export interface KubeAnswer {
  status: number;
  body: string;
}

export type KubeGet = (path: string) => Promise<KubeAnswer>;

const TIMEOUT_MS = 5000;

/** GET as admin, a new connection each time; rejects if the server cannot be reached. */
export async function kubeGet(cluster: Layout): Promise<KubeGet> {
  const [ca, cert, key] = await Promise.all(['ca.crt', 'admin.crt', 'admin.key'].map((file) => readFile(join(cluster.pkiDir, file))));
  return (path) =>
    new Promise((resolve, reject) => {
      const outgoing = request(`${cluster.server}${path}`, { ca, cert, key, agent: false, timeout: TIMEOUT_MS }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      outgoing.on('error', reject).end();
    });
}

interface Condition {
  type: string;
  status: string;
}

/** Names of the nodes whose Ready condition holds. */
export async function readyNodes(get: KubeGet): Promise<string[]> {
  const { status, body } = await get('/api/v1/nodes');
  if (status !== 200) return [];
  const { items } = JSON.parse(body) as { items: { metadata: { name: string }; status?: { conditions?: Condition[] } }[] };
  return items.filter((node) => holds(node.status?.conditions, 'Ready')).map((node) => node.metadata.name);
}

export async function deploymentAvailable(get: KubeGet, namespace: string, name: string): Promise<boolean> {
  const { status, body } = await get(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
  if (status !== 200) return false;
  return holds((JSON.parse(body) as { status?: { conditions?: Condition[] } }).status?.conditions, 'Available');
}

function holds(conditions: Condition[] | undefined, type: string): boolean {
  return (conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
}
