/** What a cluster tells after a test failed: its pods, its latest events, and the logs of those that matter. */
import { DEFAULT_CONTROL_NAMESPACE } from '../../api/names.ts';
import { isReady, type Pod } from './steps.ts';
import { kube } from './world.ts';

const EVENTS = 15;
const LOG_LINES = 8;

type Listed = Pod & { metadata: { namespace: string } };

async function said(args: string[], lines: number): Promise<string> {
  const { stdout, stderr } = await kube().kubectl(args);
  return `$ kubectl ${args.join(' ')}\n${[...stdout.trimEnd().split('\n').slice(-lines), stderr.trimEnd()].join('\n').trimEnd()}\n\n`;
}

/** Never throws: what it is about is the test's failure. */
export async function whatHappened(): Promise<string> {
  try {
    const { items } = await kube().json<{ items: Listed[] }>('list pods', ['get', 'pods', '-A']);
    const suspects = items.filter((pod) => pod.metadata.namespace === DEFAULT_CONTROL_NAMESPACE || (!isReady(pod) && pod.status.phase !== 'Succeeded' && pod.metadata.namespace !== 'kube-system'));
    const parts = [
      await said(['get', 'pods', '-A', '-o', 'wide'], 60),
      await said(['get', 'events', '-A', '--sort-by=.lastTimestamp'], EVENTS),
    ];
    for (const { metadata } of suspects) parts.push(await said(['logs', '-n', metadata.namespace, metadata.name, '--all-containers', `--tail=${LOG_LINES}`], 4 * LOG_LINES));
    return `\n--- what the cluster says ---\n${parts.join('')}`;
  } catch (error) {
    return `\n--- the cluster says nothing: ${(error as Error).message} ---\n`;
  }
}
