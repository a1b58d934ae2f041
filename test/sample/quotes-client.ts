import { connect } from 'node:net';
import { Lines } from './lines.ts';

/** Opens a connection to the quotes role, waits for its banner, sends each command after the answer to the one before, says BYE. Gives the answers. */
export function askQuotes(address: string, commands: string[], timeoutMs: number): Promise<{ banner: string; answers: string[] }> {
  const at = address.lastIndexOf(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(address.slice(at + 1)), address.slice(0, at));
    const lines = new Lines(4096);
    const got: string[] = [];
    const rest = [...commands, 'BYE'];
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`${got.length === 0 ? 'no banner' : 'no answer'} within ${timeoutMs} ms`)));
    socket.on('data', (chunk) => {
      try {
        for (const line of lines.push(chunk)) {
          got.push(line);
          const command = rest.shift();
          if (command !== undefined) socket.write(`${command}\n`);
        }
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('end', () => {
      const [banner, ...answers] = got;
      if (answers.pop() === 'BYE' && answers.length === commands.length) resolve({ banner: banner!, answers });
      else reject(new Error(`the conversation was cut short after ${got.length} lines`));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the connection closed after ${got.length} lines`)));
  });
}
