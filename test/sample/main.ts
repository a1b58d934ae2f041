/** The sample application: one program, started with the name of the role it plays. */
import { books } from './books.ts';
import { EnvError, parseEnv, type SampleEnv } from './env.ts';
import { flaky } from './flaky.ts';
import { load, loadOnce } from './load.ts';
import { quotes } from './quotes.ts';
import { report, wait } from './report.ts';
import { reviews } from './reviews.ts';
import { reason, type Io, type Running } from './running.ts';
import { web } from './web.ts';

const SERVING: Record<string, (env: SampleEnv, io: Io) => Promise<Running>> = { web, books, reviews, quotes, flaky, load };
const TASKS: Record<string, (env: SampleEnv, io: Io) => Promise<number>> = { report, wait, 'load --once': loadOnce };

const io: Io = {
  out: (line) => console.log(`${new Date().toISOString()} ${line}`),
  now: () => performance.now(),
  every(ms, fn) {
    const timer = setInterval(fn, ms);
    return () => clearInterval(timer);
  },
  sleep: (ms) => new Promise((resolve) => { setTimeout(resolve, ms); }),
};

async function serve(role: string, start: (env: SampleEnv, io: Io) => Promise<Running>, env: SampleEnv): Promise<void> {
  const running = await start(env, io);
  io.out(`${role} listens on ${running.port}`);
  let going = false;
  const leave = async (): Promise<void> => {
    if (going) return;
    going = true;
    io.out('draining');
    running.drain();
    await io.sleep(env.shutdownDelayMs);
    await running.close();
    io.out('done');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void leave());
}

async function main(): Promise<void> {
  const role = process.argv.slice(2).join(' ');
  const env = parseEnv(process.env);
  const start = SERVING[role];
  const task = TASKS[role];
  if (start) await serve(role, start, env);
  else if (task) process.exit(await task(env, io));
  else throw new EnvError(`"${role}" is no role. Roles: ${[...Object.keys(SERVING), ...Object.keys(TASKS)].join(', ')}.`);
}

main().catch((error: unknown) => {
  console.error(`sample: ${reason(error)}`);
  process.exit(error instanceof EnvError ? 2 : 1);
});
