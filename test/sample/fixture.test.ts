import assert from 'node:assert/strict';
import { books } from './books.ts';
import { parseEnv, type SampleEnv } from './env.ts';
import { flaky } from './flaky.ts';
import { quotes } from './quotes.ts';
import { reviews } from './reviews.ts';
import type { Io, Running } from './running.ts';
import { web } from './web.ts';

export interface Shop {
  env: SampleEnv;
  roles: Record<'books' | 'reviews' | 'quotes' | 'flaky' | 'web', Running>;
  close(): Promise<void>;
}

/** Every serving role on a free port of loopback, knowing the others. */
export async function openShop(): Promise<Shop> {
  const env: SampleEnv = { ...parseEnv({}), port: 0, shutdownDelayMs: 0 };
  const opened = { books: await books(env), reviews: await reviews(env), quotes: await quotes(env), flaky: await flaky(env) };
  env.books = `127.0.0.1:${opened.books.port}`;
  env.reviews = `http://127.0.0.1:${opened.reviews.port}`;
  env.quotes = `127.0.0.1:${opened.quotes.port}`;
  env.flaky = `http://127.0.0.1:${opened.flaky.port}`;
  const roles = { ...opened, web: await web(env) };
  env.web = `http://127.0.0.1:${roles.web.port}`;
  return { env, roles, close: async () => { for (const role of [roles.web, roles.books, roles.reviews, roles.quotes, roles.flaky]) await role.close(); } };
}

/** An Io whose clock is moved by hand: `tick` calls what was registered with `every`, `slept` counts the pauses. */
export function fakeIo(): Io & { lines: string[]; tick(): void; slept: number } {
  const timers = new Set<() => void>();
  let time = 0;
  const io = {
    lines: [] as string[],
    slept: 0,
    out: (line: string) => { io.lines.push(line); },
    now: () => ++time,
    every: (_ms: number, fn: () => void) => {
      timers.add(fn);
      return () => { timers.delete(fn); };
    },
    tick: () => { for (const fn of timers) fn(); },
    sleep: () => {
      io.slept++;
      return Promise.resolve();
    },
  };
  return io;
}

describe('the sample application: all roles', () => {
  it('start on free ports and close with nothing left open', async () => {
    const shop = await openShop();
    const ports = Object.values(shop.roles).map((role) => role.port);
    assert.equal(new Set(ports).size, 5);
    assert.ok(ports.every((port) => port > 0));
    await shop.close();
  });
});
