/** Opens connections, makes one HTTP/1.1 request on each, and keeps them until it is ended. Arguments: host, port. A line with a number opens so many more, then "open" is said. */
import net from 'node:net';
import { createInterface } from 'node:readline';

const [host, port] = process.argv.slice(2);
const AT_ONCE = 50;

async function open(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: host!, port: Number(port) }, () => socket.write('GET / HTTP/1.1\r\nhost: bench\r\n\r\n'));
    socket.once('data', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  for (let left = Number(line); left > 0; left -= AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, open));
  console.log('open');
}
