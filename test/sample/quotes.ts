import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { SampleEnv } from './env.ts';
import { Lines } from './lines.ts';
import type { Running } from './running.ts';
import { QUOTES } from './shelf.ts';

export const BANNER = 'BOOKSHOP QUOTES 1';
const MAX_LINE = 1024;

function reply(line: string): string {
  const [word, argument] = line.split(' ', 2);
  if (word === 'COUNT') return `OK ${QUOTES.length}`;
  if (word === 'QUOTE') {
    const quote = QUOTES[Number(argument ?? '1') - 1];
    return quote === undefined ? `ERR there are quotes 1 to ${QUOTES.length}` : `OK ${quote}`;
  }
  return 'ERR say QUOTE [number], COUNT or BYE';
}

/**
 * Raw TCP where the server speaks first: a banner line, then one answer line for each line: `QUOTE [n]`, `COUNT`, `BYE` (which ends it). A client that
 * sends no byte before the banner is what protocol detection has to get right.
 */
export async function quotes(env: SampleEnv): Promise<Running> {
  const open = new Set<Socket>();
  let closing = false;
  const bye = (socket: Socket) => socket.end('BYE\n');

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const lines = new Lines(MAX_LINE);
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.write(`${BANNER}\n`);
    socket.on('data', (chunk) => {
      if (socket.writableEnded) return;
      try {
        for (const line of lines.push(chunk)) {
          if (line === 'BYE') {
            bye(socket);
            return;
          }
          socket.write(`${reply(line)}\n`);
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        socket.end(`ERR ${error.message}\n`);
      }
      if (closing) bye(socket);
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(env.port, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    drain() {},
    close() {
      closing = true;
      return new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) bye(socket);
      });
    },
  };
}
