/** Command line for test clusters: `npm run cluster -- COMMAND`. */
import { resolve } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { choose, PROVIDERS, type Choice } from './choose.ts';
import { readEnv } from './env.ts';
import { elapsedProgress } from './progress.ts';
import { ClusterError, DEFAULT_NAME, type Cluster, type ClusterProvider } from './provider.ts';

interface Options extends Choice {
  name: string;
  verbose: boolean;
}

const env = readEnv();
// Progress goes to standard error, so that what a command prints can be used by scripts.
const log = elapsedProgress((text) => void process.stderr.write(text));

async function found(options: Options): Promise<{ provider: ClusterProvider; cluster: Cluster }> {
  const provider = await choose(options, env);
  const cluster = await provider.find(options.name);
  if (cluster) return { provider, cluster };
  throw new ClusterError(`No ${provider.name} cluster "${options.name}" runs. Start it with \`npm run cluster -- up --provider ${provider.name} --name ${options.name}\`.`);
}

/** What shells give a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/** Aborted by the first Ctrl-C; a second one ends this program at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      log('interrupted; removing what was begun');
      process.exitCode = EXIT_INTERRUPTED;
      controller.abort();
    });
  }
  return controller.signal;
}

async function up(options: Options & { nodes?: number }): Promise<void> {
  const provider = await choose(options, env);
  const cluster = await provider.up({ name: options.name, log, signal: interruption(), ...(options.nodes === undefined ? {} : { nodes: options.nodes }) });
  console.log(`The ${provider.name} cluster "${cluster.name}" is ready. To use it:`);
  console.log(`  export KUBECONFIG=${cluster.kubeconfigPath}`);
  console.log(`  ${cluster.kubectl}${cluster.context === undefined ? '' : ` --context ${cluster.context}`} get nodes`);
}

async function down(options: Options): Promise<void> {
  const provider = await choose(options, env);
  await provider.down(options.name, log);
  log(`${provider.name} cluster "${options.name}" is gone`);
}

async function load(options: Options & { archives: string[] }): Promise<void> {
  const { cluster } = await found(options);
  for (const archive of options.archives) {
    await cluster.loadImage(resolve(archive));
    log(`loaded ${archive} on every node`);
  }
}

async function nodes(options: Options & { output: string }): Promise<void> {
  const list = await (await found(options)).cluster.nodes();
  if (options.output === 'json') return console.log(JSON.stringify(list, undefined, 2));
  const rows = [['NAME', 'IP', 'PODS', 'NETNS'], ...list.map((node) => [node.name, node.ip, node.podCIDR, node.netns ?? '-'])];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column]!)).join('   ').trimEnd());
}

async function status(options: Options): Promise<void> {
  const { provider, cluster } = await found(options);
  const count = (await cluster.nodes()).length;
  console.log(`The ${provider.name} cluster "${cluster.name}" runs with ${count} node(s). Its kubeconfig is ${cluster.kubeconfigPath}`);
}

/** Messages for people; the stack only where asked for, or where the error is one that nobody foresaw. */
function report(error: unknown, verbose: boolean): void {
  if (verbose && error instanceof Error) console.error(error.stack);
  else if (error instanceof ClusterError) console.error(`error: ${error.message}`);
  else console.error(`error: ${error instanceof Error ? error.message : String(error)}. This was not foreseen; run the command again with --verbose to see where it comes from.`);
  process.exitCode ??= 1;
}

function checked(command: (options: never) => Promise<void>): (options: { verbose?: unknown }) => Promise<void> {
  return async (options) => {
    try {
      await command(options as never);
    } catch (error) {
      report(error, options.verbose === true);
    }
  };
}

await yargs(hideBin(process.argv))
  .scriptName('npm run cluster --')
  .usage('$0 COMMAND\n\nClusters to try the mesh on.')
  .option('provider', { choices: PROVIDERS, describe: 'where the cluster comes from; without it kind where Docker and kind are found, local as root on Linux' })
  .option('name', { type: 'string', default: DEFAULT_NAME, describe: 'name of the cluster; several can run side by side' })
  .option('kubeconfig', { type: 'string', describe: 'with --provider existing: its kubeconfig file' })
  .option('context', { type: 'string', describe: 'with --provider existing: context in that file' })
  .option('verbose', { type: 'boolean', default: false, describe: 'show where an error comes from' })
  .command('up', 'make a cluster, or find it running', (y) => y.option('nodes', { type: 'number', describe: 'number of nodes of a new cluster (1 if not given)' }), checked(up))
  .command('down', 'remove a cluster with every trace', (y) => y, checked(down))
  .command('load <archives..>', 'put image archives (docker-archive or OCI layout) on every node', (y) => y.positional('archives', { type: 'string', array: true, demandOption: true }), checked(load))
  .command('kubeconfig', 'print the path of the kubeconfig', (y) => y, checked(async (options: Options) => console.log((await found(options)).cluster.kubeconfigPath)))
  .command('nodes', 'list nodes with address, pod subnet and network namespace', (y) => y.option('output', { alias: 'o', choices: ['table', 'json'], default: 'table' }), checked(nodes))
  .command('status', 'say whether a cluster runs', (y) => y, checked(status))
  .example('$0 up', 'a cluster named "mesh" with one node')
  .example('$0 up --name two --nodes 2', 'another one beside it')
  .example('$0 load dist/images/*.tar', 'images for its nodes')
  .example('export KUBECONFIG=$($0 kubeconfig)', 'use it with kubectl')
  .example('$0 up --provider existing --kubeconfig FILE --context NAME', 'check a cluster you have')
  .demandCommand(1, 'Say what to do: up, down, load, kubeconfig, nodes or status.')
  .strict()
  .wrap(110)
  .version(false)
  .parseAsync();
