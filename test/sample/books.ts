import {
  Server, ServerCredentials, status, type handleBidiStreamingCall, type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream,
} from '@grpc/grpc-js';
import type { SampleEnv } from './env.ts';
import { BOOKS_SERVICE, HEALTH_SERVICE } from './grpc-definitions.ts';
import type { Running } from './running.ts';
import { SHELF, type Book } from './shelf.ts';

type Health = { status: 'SERVING' | 'NOT_SERVING' };

const get: handleUnaryCall<{ id: string }, Book> = (call, done) => {
  const book = SHELF.find((b) => b.id === call.request.id);
  if (book) done(null, book);
  else done({ code: status.NOT_FOUND, details: `no book has the id "${call.request.id}"` });
};

const list: handleServerStreamingCall<{ maxPence: number }, Book> = (call) => {
  const max = call.request.maxPence || Infinity;
  for (const book of SHELF) if (book.pence <= max) call.write(book);
  call.end();
};

const basket: handleBidiStreamingCall<{ bookId: string; copies: number }, { copies: number; pence: number }> = (call) => {
  let copies = 0;
  let pence = 0;
  call.on('data', (item: { bookId: string; copies: number }) => {
    const book = SHELF.find((b) => b.id === item.bookId);
    if (!book) {
      call.emit('error', { code: status.INVALID_ARGUMENT, details: `no book has the id "${item.bookId}"` });
      return;
    }
    copies += item.copies;
    pence += item.copies * book.pence;
    call.write({ copies, pence });
  });
  call.on('end', () => call.end());
};

/** The stock, by gRPC: unary, server streaming and both ways (books.proto), and the health service that kubelet probes call. */
export async function books(env: SampleEnv): Promise<Running> {
  const server = new Server();
  const watchers = new Set<ServerWritableStream<unknown, Health>>();
  let health: Health = { status: 'SERVING' };
  server.addService(BOOKS_SERVICE, { Get: get, List: list, Basket: basket });
  server.addService(HEALTH_SERVICE, {
    Check: ((_call, done) => done(null, health)) as handleUnaryCall<unknown, Health>,
    Watch: ((call) => {
      watchers.add(call);
      call.on('cancelled', () => watchers.delete(call));
      call.write(health);
    }) as handleServerStreamingCall<unknown, Health>,
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`[::]:${env.port}`, ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    port,
    drain() {
      health = { status: 'NOT_SERVING' };
      for (const call of watchers) call.write(health);
    },
    close() {
      for (const call of watchers) call.end();
      return new Promise((resolve, reject) => server.tryShutdown((error) => (error ? reject(error) : resolve())));
    },
  };
}
