import { command } from '../shared/command.ts';
import { SHELLS } from './shells.ts';

export const completion = command({
  usage: 'completion <shell>',
  summary: 'Print what makes the shell complete this command',
  description:
    'Prints a script that completes commands, flags, kinds, namespaces and names of workloads. "completion kubectl" prints a program instead that kubectl itself asks after '
    + '"kubectl mesh": put it on the PATH as kubectl_complete-mesh (kubectl 1.26 or newer, with its own completion loaded).',
  positionals: { shell: { describe: `one of ${Object.keys(SHELLS).join(', ')}` } },
  flags: {},
  examples: [
    ['source <(kubectl mesh completion bash)', 'complete kubectl-mesh in this shell'],
    ['kubectl mesh completion kubectl > ~/bin/kubectl_complete-mesh && chmod +x ~/bin/kubectl_complete-mesh', 'complete kubectl mesh'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
