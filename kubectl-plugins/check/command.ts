import { command } from '../shared/command.ts';
import { CLUSTER_FLAGS, outputFlag } from '../shared/flags.ts';

export const check = command({
  usage: 'check',
  summary: 'See whether the mesh is well, or can be installed',
  description:
    'Looks at the cluster, the control plane, its certificates and the proxies, and says of each point whether it holds. Every point that does not is explained in '
    + 'docs/checks.md. Warnings do not make the command fail.',
  flags: {
    pre: { type: 'boolean', describe: 'before an install: see whether the cluster can take it' },
    wait: { type: 'string', requiresArg: true, default: '30s', describe: 'how long to wait for what may become ready by itself' },
    namespace: { alias: 'n', type: 'string', requiresArg: true, describe: 'look at the proxies of this namespace only' },
    output: outputFlag(['table', 'json', 'short'], 'table', 'format of the output; short shows only what is wrong'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['check --pre', 'before installing'],
    ['check', 'after installing, or whenever something seems wrong'],
    ['check -o json', 'for monitoring'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
