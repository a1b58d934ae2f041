/** The proxies' process, from the bench's side. */
import path from 'node:path';
import { Background, BenchError } from '../children.ts';
import type { Answers, Question } from './client/protocol.ts';

const PROGRAM = path.join(import.meta.dirname, 'client', 'main.ts');

export class Proxies {
  readonly process: Background;
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private next = 0;

  /** On the network of a node, where pods are. */
  constructor(netns: string) {
    this.process = new Background('the process that stands for proxies', ['nsenter', `--net=${netns}`, process.execPath, '--max-old-space-size=4096', PROGRAM]);
    this.process.onLine = (line) => this.answered(line);
  }

  private answered(line: string): boolean {
    if (!line.startsWith('{"id":')) return false;
    const { id, value, error } = JSON.parse(line) as { id: number; value?: never; error?: string };
    const asked = this.waiting.get(id);
    this.waiting.delete(id);
    if (error !== undefined) asked?.reject(new BenchError(`The proxies of the bench failed: ${error}`));
    else asked?.resolve(value!);
    return true;
  }

  /** Rejects with BenchError when it fails, or takes longer than `limitMs`. */
  ask<Q extends Question>(question: Q, limitMs = 60_000): Promise<Answers[Q['do']]> {
    this.process.check();
    const id = this.next++;
    this.process.say(JSON.stringify({ id, question }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new BenchError(`The proxies of the bench did not answer "${question.do}" within ${limitMs / 1000} s`));
      }, limitMs);
      const settle = <A extends unknown[]>(f: (...args: A) => void) => (...args: A): void => {
        clearTimeout(timer);
        f(...args);
      };
      this.waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}
