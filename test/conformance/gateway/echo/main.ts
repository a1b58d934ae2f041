/**
 * What Gateway API's conformance suite deploys as its echo server, and runs in those pods as `client`: written anew after the flags and the text that
 * the suite's manifests and utils/echo use.
 */
import { hostname } from 'node:os';
import { run } from './client.ts';
import { clientOptions, serverOptions, UsageError } from './options.ts';
import { serve } from './server.ts';

async function main([role, ...args]: string[]): Promise<void> {
  if (role === 'client') await run(clientOptions(args), (text) => process.stdout.write(text));
  else if (role === 'server') {
    await serve(serverOptions(args), { hostname: hostname(), version: '' }, Date.now());
    // Pods that are only called from are started without a port, and have to stay.
    setInterval(() => undefined, 2 ** 30);
  }
  else throw new UsageError(`"${role ?? ''}" is neither server nor client.`);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`echo: ${(error as Error).message}`);
  process.exit(error instanceof UsageError ? 2 : 1);
});
