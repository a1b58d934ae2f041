import { command } from '../shared/command.ts';
import { outputFlag } from '../shared/flags.ts';

export const inject = command({
  usage: 'inject <files..>',
  summary: 'Put workloads in manifests into the mesh',
  description:
    'Reads manifests, puts the annotation kubectl-mesh.io/inject: enabled on the pod templates of their workloads (and on Namespaces), and prints the result; the '
    + 'proxy itself is added in the cluster when pods start. Comments and layout stay. What was changed, and what was not and why, is told on stderr.',
  positionals: { files: { describe: 'files, folders, or - for standard input', array: true } },
  flags: { output: outputFlag(['yaml', 'json'], undefined, 'format of the output (default: that of the input)') },
  examples: [
    ['kubectl get deploy -o yaml | kubectl mesh inject - | kubectl apply -f -', 'mesh what runs already'],
    ['inject app.yaml | kubectl apply -f -', 'mesh what is about to be created'],
    ['inject manifests/ > meshed.yaml', 'every manifest in a folder'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('../shared/manifests/options.ts'), import('./run.ts')]);
  return { validate, run };
});
