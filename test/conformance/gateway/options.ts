import { resolve } from 'node:path';
import yargs from 'yargs';
import { PROVIDERS, type Choice } from '../../cluster/choose.ts';

export interface ConformanceOptions {
  choice: Choice;
  name: string;
  report: string;
  /** ShortName of one test, '' for all */
  test: string;
  keep: boolean;
  verbose: boolean;
}

/** Ends the process after --help, and with status 1 and a sentence after a wrong flag. */
export function conformanceOptions(argv: string[]): ConformanceOptions {
  const { provider, name, report, test, keep, verbose } = yargs(argv)
    .scriptName('npm run conformance --')
    .usage('$0 [flags]\n\nRuns the official conformance suite of Gateway API, profiles MESH-HTTP and MESH-GRPC with every feature claimed, against the mesh on a real cluster, and writes its report.')
    .option('provider', { choices: PROVIDERS.filter((p) => p !== 'existing'), describe: 'where the cluster comes from; without it kind where Docker and kind are found, local as root on Linux' })
    .option('name', { type: 'string', default: 'conformance', describe: 'name of the cluster' })
    .option('report', { type: 'string', default: 'dist/gateway-api-conformance.yaml', describe: 'file for the report' })
    .option('test', { type: 'string', default: '', describe: 'run one test, by its ShortName' })
    .option('keep', { type: 'boolean', default: false, describe: 'leave the cluster running' })
    .option('verbose', { type: 'boolean', default: false, describe: 'show all that the suite says' })
    .example('$0', 'all of it, on a cluster of its own that is removed afterwards')
    .example('$0 --keep --test MeshPorts --verbose', 'one test; the next run takes the same cluster')
    .strict()
    .wrap(110)
    .version(false)
    .help()
    .parseSync();
  return { choice: provider === undefined ? {} : { provider }, name, report: resolve(report), test, keep, verbose };
}
