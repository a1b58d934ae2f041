import { command } from '../shared/command.ts';
import { CLUSTER_FLAGS, outputFlag } from '../shared/flags.ts';

export const version = command({
  usage: 'version',
  summary: 'Show the versions of plugin, control plane and proxies',
  description: 'Shows the version of this plugin, of the control plane in the cluster, and how many proxies run which version.',
  flags: {
    client: { type: 'boolean', describe: 'only the version of this plugin, without asking the cluster' },
    output: outputFlag(['text', 'short', 'json', 'yaml'], 'text'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['version', 'all versions'],
    ['version --client -o short', 'the plugin\'s version by itself, for scripts'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
