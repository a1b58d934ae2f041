import { command } from '../shared/command.ts';
import { outputFlag } from '../shared/flags.ts';

export const uninject = command({
  usage: 'uninject <files..>',
  summary: 'Take workloads in manifests out of the mesh',
  description: 'Reads manifests, removes the inject annotation (and that of Linkerd) from their workloads and Namespaces, and prints the result. Comments and layout stay.',
  positionals: { files: { describe: 'files, folders, or - for standard input', array: true } },
  flags: { output: outputFlag(['yaml', 'json'], undefined, 'format of the output (default: that of the input)') },
  examples: [
    ['kubectl get deploy -o yaml | kubectl mesh uninject - | kubectl replace -f -', 'take out what runs'],
    ['uninject app.yaml > plain.yaml', 'the manifest as it was before'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('../shared/manifests/options.ts'), import('./run.ts')]);
  return { validate, run };
});
