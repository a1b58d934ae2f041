/** A WebSocket from the meshed pod to the sample's web, through both proxies, which stays open as long as a test wants. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { waitFor } from './steps.ts';
import { kube, MESHED, PROBE_NAMESPACE } from './world.ts';

/** Says "open", and then sends each line of standard input over it and prints the answer. */
const PROGRAM = `
import { createInterface } from 'node:readline';
const ws = new WebSocket('ws://web.bookshop/ws');
ws.onopen = () => { console.log('open'); createInterface(process.stdin).on('line', (line) => ws.send(line)); };
ws.onmessage = ({ data }) => console.log('echo ' + data);
ws.onclose = ({ code }) => { console.log('closed ' + code); process.exit(0); };
ws.onerror = () => process.exit(1);
process.stdin.on('end', () => ws.close(1000));
`;

export interface LongLived {
  /** Sends a text and waits for its echo. */
  echoes(text: string): Promise<void>;
  end(): void;
}

/** Resolves when it is open. It is seen and told by the API server, so it lasts no longer than that answers. */
export async function openLongLived(): Promise<LongLived> {
  const child = spawn('kubectl', ['exec', '-i', '-n', PROBE_NAMESPACE, MESHED, '-c', 'probe', '--', '/usr/bin/node', '--input-type=module', '-e', PROGRAM], { env: kube().env });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => void lines.push(line));
  const said = (line: string): Promise<boolean> => waitFor(`"${line}" from the long-lived connection, which said ${lines.join(', ')}`, () => Promise.resolve(lines.includes(line)));
  await said('open');
  return {
    async echoes(text) {
      child.stdin.write(`${text}\n`);
      await said(`echo ${text}`);
    },
    end: () => void child.stdin.end(),
  };
}
