/** Command line of the demo. */
import yargs from 'yargs';
import { PROVIDERS, type Choice } from '../cluster/choose.ts';

/** Apart from clusters that people keep working with. */
export const DEMO_CLUSTER = 'demo';

export interface DemoOptions {
  choice: Choice;
  name: string;
  registry?: string;
  keep: boolean;
  verbose: boolean;
}

export interface DownOptions {
  choice: Choice;
  name: string;
  caches: boolean;
  verbose: boolean;
}

function common(argv: string[], script: string) {
  return yargs(argv)
    .scriptName(`npm run ${script} --`)
    .option('provider', { choices: PROVIDERS, describe: 'where the cluster comes from; without it kind where Docker and kind are found, local as root on Linux' })
    .option('name', { type: 'string', default: DEMO_CLUSTER, describe: 'name of the cluster' })
    .option('kubeconfig', { type: 'string', describe: 'with --provider existing: its kubeconfig file' })
    .option('context', { type: 'string', describe: 'with --provider existing: context in that file' })
    .option('verbose', { type: 'boolean', default: false, describe: 'show where an error comes from' })
    .strict()
    .wrap(110)
    .version(false)
    .help();
}

function choiceOf({ provider, kubeconfig, context }: Choice): Choice {
  return { ...(provider && { provider }), ...(kubeconfig !== undefined && { kubeconfig }), ...(context !== undefined && { context }) };
}

/** Ends the process after --help, and with status 1 and a sentence after a wrong flag. */
export function demoOptions(argv: string[]): DemoOptions {
  const { provider, kubeconfig, context, name, registry, keep, verbose } = common(argv, 'demo')
    .usage('$0 [flags]\n\nFrom nothing to a mesh at work: makes a cluster, builds the images, runs kubectl mesh install, deploys a sample application, annotates it, and shows its traffic: success rates and latencies, live requests, and every connection secured by mutual TLS. Then removes it all.')
    .option('keep', { type: 'boolean', default: false, describe: 'leave it running, and say how to use it' })
    .option('registry', { type: 'string', describe: 'with --provider existing: where the images are that you pushed' })
    .example('$0', 'see it work; about a minute and a half, the first time longer')
    .example('$0 --keep', 'the same, then look around by yourself; npm run demo:down ends it')
    .example('$0 --provider kind', 'on a cluster that kind makes')
    .example('$0 --provider existing --kubeconfig ~/.kube/config --context staging --registry registry.example.com/mesh', 'on a cluster you have')
    .parseSync();
  return { choice: choiceOf({ provider, kubeconfig, context }), name, keep, verbose, ...(registry !== undefined && { registry }) };
}

/** As demoOptions. */
export function downOptions(argv: string[]): DownOptions {
  const { provider, kubeconfig, context, name, caches, verbose } = common(argv, 'demo:down')
    .usage('$0 [flags]\n\nRemoves what npm run demo -- --keep left running: the cluster with everything in it; from an existing cluster, the sample application and the mesh.')
    .option('caches', { type: 'boolean', default: false, describe: 'also delete what the demo built and downloaded, so that the next run starts from nothing' })
    .example('$0', 'the cluster "demo" goes')
    .example('$0 --provider existing --kubeconfig ~/.kube/config --context staging', 'the sample application and the mesh go, the cluster stays')
    .parseSync();
  return { choice: choiceOf({ provider, kubeconfig, context }), name, caches, verbose };
}
