import { credentials, makeClientConstructor, type Client, type ClientDuplexStream, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { BOOKS_SERVICE } from './grpc-definitions.ts';
import type { Book } from './shelf.ts';

type Options = { deadline: number };
interface BooksStub extends Client {
  Get(request: { id: string }, options: Options, done: (error: ServiceError | null, book?: Book) => void): void;
  List(request: { maxPence: number }, options: Options): ClientReadableStream<Book>;
  Basket(options: Options): ClientDuplexStream<{ bookId: string; copies: number }, { copies: number; pence: number }>;
}

export interface BooksClient {
  get(id: string): Promise<Book>;
  /** books of at most `maxPence`; all when absent */
  list(maxPence?: number): Promise<Book[]>;
  /** the running totals in pence after each item; each item is sent after the total of the one before came back */
  basket(items: { bookId: string; copies: number }[]): Promise<number[]>;
  close(): void;
}

/** Calls the books role at host:port, each call bounded by `timeoutMs`. Rejects with grpc-js's ServiceError. */
export function openBooks(address: string, timeoutMs: number): BooksClient {
  const Stub = makeClientConstructor(BOOKS_SERVICE, 'Books');
  const stub = new Stub(address, credentials.createInsecure()) as unknown as BooksStub;
  const options = (): Options => ({ deadline: Date.now() + timeoutMs });
  return {
    get: (id) => new Promise((resolve, reject) => stub.Get({ id }, options(), (error, book) => (error ? reject(error) : resolve(book!)))),
    async list(maxPence = 0) {
      const books: Book[] = [];
      for await (const book of stub.List({ maxPence }, options())) books.push(book as Book);
      return books;
    },
    async basket(items) {
      const call = stub.Basket(options());
      const totals: number[] = [];
      const rest = [...items];
      const next = () => {
        const item = rest.shift();
        if (item) call.write(item);
        else call.end();
      };
      next();
      for await (const total of call) {
        totals.push((total as { pence: number }).pence);
        next();
      }
      return totals;
    },
    close: () => stub.close(),
  };
}
