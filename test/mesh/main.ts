/** What every program around a run does: Ctrl-C, errors in plain words, taking back, exit status. */
import { explain, Interrupted, INTERRUPTED_CODE } from './errors.ts';
import { startRun, type Run } from './run.ts';

export interface MainOptions {
  /** leave what was made, also after a failure */
  keep: boolean;
  /** show the stack of an error */
  verbose: boolean;
  /** command that removes what is left after a second Ctrl-C */
  removeWith: string;
}

/** Does the work as a run and ends the process: status 0, 1 after a failure, 130 after a Ctrl-C. */
export async function mainRun({ keep, verbose, removeWith }: MainOptions, work: (run: Run) => Promise<void>): Promise<never> {
  const run = startRun((text) => void process.stdout.write(text));
  let stops = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (++stops === 1) {
        run.log(keep ? 'Stopping.' : 'Stopping, and removing what was made so far (again Ctrl-C leaves it half-made).');
        run.stop();
      } else {
        process.stderr.write(`Left as it is. To remove it: ${removeWith}\n`);
        process.exit(INTERRUPTED_CODE);
      }
    });
  }
  let code = 0;
  try {
    await work(run);
  } catch (error) {
    code = stops > 0 || error instanceof Interrupted ? INTERRUPTED_CODE : 1;
    if (code === 1) process.stderr.write(`error: ${explain(error)}\n`);
    if (verbose) process.stderr.write(`${(error as Error).stack}\n`);
  }
  if (keep) run.keepAll();
  for (const failure of await run.takeBack()) {
    process.stderr.write(`error: Could not remove ${failure}\n`);
    code ||= 1;
  }
  if (keep && code !== 0) process.stderr.write(`What was made so far stays. To remove it: ${removeWith}\n`);
  process.exit(code);
}
