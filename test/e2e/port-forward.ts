/** A port of a pod on this machine, by `kubectl port-forward`. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { kube } from './world.ts';

export interface Forward {
  /** on 127.0.0.1 */
  port: number;
  stop(): Promise<void>;
}

/** `target` as kubectl takes it, e.g. deploy/mesh-identity. Resolves when it listens. */
export async function portForward(namespace: string, target: string, port: number): Promise<Forward> {
  const child = spawn('kubectl', ['port-forward', '-n', namespace, target, `:${port}`], { env: kube().env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const local = await new Promise<number>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const found = /127\.0\.0\.1:(\d+)/.exec(line);
      if (found) resolve(Number(found[1]));
    });
    child.once('error', reject);
    void ended.then(() => reject(new Error(`kubectl port-forward ended: ${errors}`)));
  });
  return {
    port: local,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
