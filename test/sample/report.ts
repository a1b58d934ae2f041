import { openBooks } from './books-client.ts';
import type { SampleEnv } from './env.ts';
import { openHttp } from './http-client.ts';
import { reason, type Io } from './running.ts';

const TRIES = 60;
const PAUSE_MS = 1000;

/** Calls `attempt` until it succeeds; after the last try, rejects with its error. */
async function eventually<T>(what: string, io: Io, attempt: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 1) throw error;
      if (left === TRIES) io.out(`waiting for ${what}: ${reason(error)}`);
      await io.sleep(PAUSE_MS);
    }
  }
}

/** The init container's program: returns 0 once books answers, 1 after a minute without an answer. */
export async function wait(env: SampleEnv, io: Io): Promise<number> {
  const books = openBooks(env.books, env.timeoutMs);
  try {
    const shelf = await eventually('books', io, () => books.list());
    io.out(`books answers: ${shelf.length} titles`);
    return 0;
  } catch (error) {
    io.out(`books did not answer: ${reason(error)}`);
    return 1;
  } finally {
    books.close();
  }
}

/** The Job's program: the day's stock report out of books and the front page, then exit code 0; 1 with the reason when a call fails for a minute. */
export async function report(env: SampleEnv, io: Io): Promise<number> {
  const books = openBooks(env.books, env.timeoutMs);
  const http = openHttp(env.timeoutMs);
  try {
    const shelf = await eventually('books', io, () => books.list());
    const cheap = await books.list(1000);
    const totals = await books.basket(shelf.map((book) => ({ bookId: book.id, copies: 1 })));
    const listed = await eventually('web', io, async () => {
      const { status, body } = await http.call(`${env.web}/`);
      if (status !== 200) throw new Error(`GET / answered ${status}: ${body.toString('utf8', 0, 200).trim()}`);
      return shelf.filter((book) => body.includes(book.title)).length;
    });
    io.out(`${shelf.length} titles, ${cheap.length} under £10, £${(totals.at(-1)! / 100).toFixed(2)} for one of each; the front page lists ${listed}`);
    return listed === shelf.length ? 0 : 1;
  } catch (error) {
    io.out(`no report: ${reason(error)}`);
    return 1;
  } finally {
    books.close();
    http.close();
  }
}
