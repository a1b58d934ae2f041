import type { KubeClient } from '../../lib/kube/client.ts';
import { KubeError } from '../../lib/kube/error.ts';
import type { Deps } from '../shared/command.ts';
import { Interrupted, messageOf } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { explain } from '../shared/kube-errors.ts';
import { seconds } from '../shared/progress.ts';
import { style } from '../shared/style.ts';
import { categories } from './categories/all.ts';
import type { CheckOptions } from './options.ts';
import { heading, json, line, summary } from './render.ts';
import { CheckFailure, type CategoryOutcome, type Check, type CheckContext, type Outcome } from './types.ts';

const RETRY_MS = 2000;

export async function run(io: Io, deps: Deps, options: CheckOptions): Promise<ExitCode> {
  const start = io.now();
  const context = createContext(io, deps, options);
  try {
    const outcomes = await runAll(context, start + options.waitMs);
    const success = outcomes.every((c) => c.checks.every((o) => o.result !== 'error'));
    if (options.output === 'json') io.stdout.write(json(success, outcomes));
    else io.stdout.write(summary(io.stdout, success, seconds(io.now() - start)));
    return success ? EXIT.ok : EXIT.failed;
  } finally {
    context.close();
  }
}

async function runAll(context: CheckContext, until: number): Promise<CategoryOutcome[]> {
  const { io, options } = context;
  const done: CategoryOutcome[] = [];
  for (const category of categories(options)) {
    const outcome: CategoryOutcome = { categoryName: category.name, checks: [] };
    done.push(outcome);
    let headed = false;
    for (const check of category.checks) {
      const result = await attempt(context, check, until);
      outcome.checks.push(result);
      if (options.output === 'table' || (options.output === 'short' && result.result !== 'success')) {
        io.stdout.write((headed ? '' : heading(io.stdout, category.name)) + line(io.stdout, result));
        headed = true;
      }
      if (check.fatal && result.result === 'error') {
        if (headed) io.stdout.write('\n');
        return done;
      }
    }
    if (headed) io.stdout.write('\n');
  }
  return done;
}

/** Runs one check, again and again while it may still become true. */
async function attempt(context: CheckContext, check: Check, until: number): Promise<Outcome> {
  const { io } = context;
  const live = io.stderr.tty;
  for (;;) {
    if (io.signal.aborted) throw new Interrupted();
    const error = await check.test(context).then(() => undefined, reasonOf);
    if (live) io.stderr.write('\r\u001B[K');
    if (error === undefined) return { description: check.description, result: 'success' };
    if (!check.retry || io.now() >= until) {
      return { description: check.description, result: check.warning ? 'warning' : 'error', hint: check.hint, error };
    }
    if (live) io.stderr.write(style(io.stderr).dim(`  ${check.description}: ${error}`.slice(0, Math.max(20, io.stderr.columns - 1))));
    await io.sleep(RETRY_MS);
    context.forget();
  }
}

function reasonOf(error: unknown): string {
  return messageOf(error instanceof KubeError ? explain(error) : error);
}

function createContext(io: Io, deps: Deps, options: CheckOptions): CheckContext & { close(): void } {
  let kube: KubeClient | undefined;
  const kept = new Map<string, Promise<unknown>>();
  return {
    io,
    options,
    connect: async () => (kube ??= await deps.connect(options.target)),
    kube() {
      if (!kube) throw new CheckFailure('there is no connection to a cluster');
      return kube;
    },
    once<R>(key: string, fetch: () => Promise<R>): Promise<R> {
      const known = kept.get(key) as Promise<R> | undefined;
      if (known) return known;
      const fetched = fetch();
      kept.set(key, fetched);
      fetched.catch(() => kept.delete(key));
      return fetched;
    },
    forget: () => kept.clear(),
    close: () => kube?.close(),
  };
}
