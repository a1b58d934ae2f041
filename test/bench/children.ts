import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A bench that cannot go on; the message says what to do. */
export class BenchError extends Error {}

export interface Output { code: number; stdout: string; stderr: string }

/** Every process that the bench has started and that still runs. */
const running = new Set<ChildProcess>();

/** Starts a program that runs until stop() or the end of the bench. Its output is kept for the message should it end early. */
export class Background {
  readonly pid: number;
  output = '';
  readonly name: string;
  private readonly child: ChildProcess;
  ended = false;
  /** sees each line of its standard output first; lines that it takes (true) are not kept */
  onLine: (line: string) => boolean = () => false;

  constructor(name: string, argv: string[], env: NodeJS.ProcessEnv = process.env) {
    this.name = name;
    const [command, ...args] = argv;
    const child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.child = child;
    this.pid = child.pid ?? 0;
    running.add(child);
    const keep = (b: Buffer): void => { this.output = (this.output + b.toString()).slice(-4000); };
    child.stderr.on('data', keep);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!this.onLine(line)) keep(Buffer.from(`${line}\n`));
    });
    child.stdin.on('error', () => {});
    child.on('error', (e) => { this.output += e.message; });
    child.on('close', () => {
      this.ended = true;
      running.delete(child);
    });
  }

  /** Throws when the process is gone. */
  check(): void {
    if (this.ended) throw new BenchError(`${this.name} ended early:\n${this.output.trim() || '(it said nothing)'}`);
  }

  /** One line to its standard input. */
  say(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  /** Asks it to end; it is killed when it has not after so many ms. */
  async end(ms: number): Promise<void> {
    const closed = new Promise<void>((resolve) => { this.child.once('close', () => resolve()); });
    if (this.ended) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), ms);
    await closed;
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    if (this.ended) return;
    const closed = new Promise<void>((resolve) => { this.child.once('close', () => resolve()); });
    this.child.kill('SIGKILL');
    await closed;
  }
}

export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Runs a program to its end. */
export async function run(argv: string[], input = ''): Promise<Output> {
  const [command, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command!, args, { stdio: 'pipe' });
    running.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (b: Buffer) => { stdout += b.toString(); });
    child.stderr.on('data', (b: Buffer) => { stderr += b.toString(); });
    child.on('error', (e) => reject(new BenchError(`${command} cannot be run: ${e.message}`)));
    child.on('close', (code) => {
      running.delete(child);
      resolve({ code: code ?? 1, stdout, stderr });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Runs a program that must succeed; returns its output. */
export async function must(argv: string[], input = ''): Promise<string> {
  const r = await run(argv, input);
  if (r.code !== 0) throw new BenchError(`${argv.join(' ')} failed (exit code ${r.code}):\n${(r.stderr || r.stdout).trim()}`);
  return r.stdout;
}

/** For clean-up on the way out, where nothing can be waited for. */
export function runSync(argv: string[]): void {
  spawnSync(argv[0]!, argv.slice(1), { stdio: 'ignore' });
}

export async function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
