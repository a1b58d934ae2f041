import { command } from '../shared/command.ts';
import { CLUSTER_FLAGS, outputFlag } from '../shared/flags.ts';

export const uninstall = command({
  usage: 'uninstall',
  summary: 'Remove the control plane from the cluster',
  description:
    'Deletes everything that install created, and what the control plane created after it, then waits until it is gone. Refuses while pods of the mesh run: '
    + 'they would lose their control plane, and not get new certificates.',
  flags: {
    output: outputFlag(['yaml', 'json'], undefined, 'print what would be deleted, for "kubectl delete -f -", instead of deleting it'),
    force: { alias: 'f', type: 'boolean', describe: 'remove it although pods of the mesh run' },
    timeout: { type: 'string', requiresArg: true, default: '5m', describe: 'how long to wait until everything is gone' },
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['uninstall', 'remove the mesh'],
    ['uninstall -o yaml | kubectl delete -f -', 'the same through your own tools'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
