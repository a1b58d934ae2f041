import type { SampleEnv } from './env.ts';
import { ON_PURPOSE } from './flaky.ts';
import { openHttp, type Answer } from './http-client.ts';
import { answer, serveHttp } from './http-server.ts';
import { BANNER } from './quotes.ts';
import { askQuotes } from './quotes-client.ts';
import { reason, type Io, type Running } from './running.ts';
import { Tally } from './tally.ts';

const SUMMARY_MS = 10_000;
const ECHO = Buffer.alloc(1024, 'the corner bookshop ');

class OnPurpose extends Error {}

interface Target {
  tally: Tally;
  rps: number;
  /** the n-th call; rejects when it failed */
  call(n: number): Promise<void>;
}

function mustBe200(what: string, { status, headers, body }: Answer): void {
  if (status === 200) return;
  if (headers[ON_PURPOSE] !== undefined) throw new OnPurpose();
  throw new Error(`${what} answered ${status}: ${body.toString('utf8', 0, 200).trim()}`);
}

function openTargets(env: SampleEnv): { targets: Target[]; close: () => void } {
  const http = openHttp(env.timeoutMs);
  const targets: Target[] = [
    {
      tally: new Tally('web'),
      rps: env.rps,
      async call(n) {
        if (n % 5 !== 0) {
          mustBe200('GET /', await http.call(`${env.web}/`));
          return;
        }
        const echoed = await http.call(`${env.web}/echo`, ECHO);
        mustBe200('POST /echo', echoed);
        if (!echoed.body.equals(ECHO)) throw new Error(`POST /echo gave back other bytes (${echoed.body.length})`);
      },
    },
    {
      tally: new Tally('flaky'),
      rps: env.flakyRps,
      async call() { mustBe200('GET /', await http.call(`${env.flaky}/`)); },
    },
    {
      tally: new Tally('quotes'),
      rps: env.quotesRps,
      async call() {
        const { banner, answers } = await askQuotes(env.quotes, ['COUNT', 'QUOTE 2'], env.timeoutMs);
        if (banner !== BANNER || answers.some((a) => !a.startsWith('OK '))) throw new Error(`quotes said "${[banner, ...answers].join(' / ')}"`);
      },
    },
  ];
  return { targets: targets.filter((t) => t.rps > 0), close: () => http.close() };
}

async function once(target: Target, n: number, now: () => number): Promise<void> {
  const start = now();
  try {
    await target.call(n);
    target.tally.ok(now() - start);
  } catch (error) {
    if (error instanceof OnPurpose) target.tally.onPurpose(now() - start);
    else target.tally.failed(reason(error));
  }
}

function newFailures(target: Target, seen: Map<string, number>): string[] {
  const lines: string[] = [];
  for (const [why, count] of Object.entries(target.tally.totals.reasons)) {
    const key = `${target.tally.name} ${why}`;
    if (count > (seen.get(key) ?? 0)) lines.push(`  ${target.tally.name} failed ${count - (seen.get(key) ?? 0)} times: ${why}`);
    seen.set(key, count);
  }
  return lines;
}

/**
 * Sends RPS requests a second to web (4 in 5 GET /, the others POST /echo), FLAKY_RPS to flaky and QUOTES_RPS to quotes, on a fixed beat whatever the
 * answers, and prints a line each 10 s with the failures and their reasons. GET /totals on its own port gives the totals since the start as JSON.
 */
export async function load(env: SampleEnv, io: Io): Promise<Running> {
  const { targets, close } = openTargets(env);
  const seen = new Map<string, number>();
  const pending = new Set<Promise<void>>();
  const summarize = () => {
    io.out(targets.map((t) => t.tally.summary()).join(' | '));
    for (const target of targets) for (const line of newFailures(target, seen)) io.out(line);
  };
  const stops = targets.map((target) => {
    let n = 0;
    return io.every(1000 / target.rps, () => {
      const call = once(target, ++n, io.now).finally(() => pending.delete(call));
      pending.add(call);
    });
  });
  stops.push(io.every(SUMMARY_MS, summarize));

  const running = await serveHttp(env.port, (req, res) => {
    if (req.url === '/totals') answer(res, 200, `${JSON.stringify(Object.fromEntries(targets.map((t) => [t.tally.name, t.tally.totals])))}\n`, 'application/json');
    else answer(res, 404, 'there is /totals\n');
  });
  return {
    ...running,
    async close() {
      for (const stop of stops) stop();
      await Promise.all(pending);
      summarize();
      close();
      await running.close();
    },
  };
}

/** `load --once`: one second's worth of calls to each target, one after the other. Exit code 1 when any failed otherwise than on purpose. */
export async function loadOnce(env: SampleEnv, io: Io): Promise<number> {
  const { targets, close } = openTargets(env);
  for (const target of targets) {
    for (let n = 1; n <= target.rps; n++) await once(target, n, io.now);
    io.out(target.tally.summary());
    for (const line of newFailures(target, new Map())) io.out(line);
  }
  close();
  return targets.some((t) => t.tally.totals.failed > 0) ? 1 : 0;
}
