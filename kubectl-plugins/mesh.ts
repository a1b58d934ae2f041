#!/usr/bin/env node
import { readEnv } from './env.ts';
import { cli } from './shared/cli.ts';
import { connect } from './shared/connect.ts';
import { EXIT } from './shared/exit.ts';
import { processIo } from './shared/process-io.ts';

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort();
  });
}
// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  console.error(`error: The output cannot be written: ${error.message}. Free some space, or write it elsewhere.`);
  process.exit(EXIT.failed);
});

const io = processIo(readEnv(process.env), interrupt.signal, process);
process.exitCode = await cli(process.argv.slice(2), io, { connect });
