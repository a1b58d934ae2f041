import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LoadCase } from './cases.ts';
import { must, run } from './children.ts';
import type { Pod } from './netns.ts';
import { parseH2load, parseIperf, parseWrk, type LoadResult } from './parse.ts';

/** The uid that the load runs as: the one whose connections are redirected. */
export const LOAD_UID = 65534;

/** argv in front of a program of the application: on one core, redirected. */
export function asApplication(core: number): string[] {
  return ['taskset', '-c', String(core), 'setpriv', `--reuid=${LOAD_UID}`, `--regid=${LOAD_UID}`, '--clear-groups'];
}

/** A message of a gRPC call: not compressed, four bytes of length. */
export function grpcMessage(bytes: number): Buffer {
  const message = Buffer.alloc(bytes, 'x');
  message.writeUInt8(0, 0);
  message.writeUInt32BE(bytes - 5, 1);
  return message;
}

/** Makes load from one pod on one core; `dir` gets the bodies that are sent, readable by the load's user. */
export class LoadTools {
  private readonly pod: Pod;
  private readonly prefix: string[];
  private readonly dir: string;

  constructor(pod: Pod, core: number, dir: string) {
    this.pod = pod;
    this.prefix = asApplication(core);
    this.dir = dir;
  }

  /** Loads host:port for so many seconds. */
  async run(c: LoadCase, host: string, port: number, seconds: number): Promise<LoadResult> {
    const url = `http://${host}:${port}${c.path}`;
    if (c.kind === 'tcp') return this.iperf(c, host, port, seconds);
    return c.kind === 'h1' ? this.wrk(c, url, seconds) : this.h2load(c, url, seconds);
  }

  private async wrk(c: LoadCase, url: string, seconds: number): Promise<LoadResult> {
    const more: string[] = [];
    if (c.close) more.push('-H', 'Connection: close');
    if (c.upload > 0) {
      const script = path.join(this.dir, 'post.lua');
      writeFileSync(script, `wrk.method = "POST"\nwrk.body = string.rep("x", ${c.upload})\n`);
      more.push('-s', script);
    }
    const out = await must(this.pod.in(...this.prefix, 'wrk', '-t1', `-c${c.connections}`, `-d${seconds}s`, '--latency', '--timeout', '10s', ...more, url));
    return parseWrk(out, c.download);
  }

  private async h2load(c: LoadCase, url: string, seconds: number): Promise<LoadResult> {
    const more: string[] = [];
    if (c.kind === 'grpc') {
      const body = path.join(this.dir, 'message');
      writeFileSync(body, grpcMessage(c.upload));
      more.push('-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers');
    }
    const out = await must(this.pod.in(...this.prefix, 'h2load', '-t1', `-c${c.connections}`, `-m${c.streams}`, `-D${seconds}`, ...more, url));
    return parseH2load(out, c.download);
  }

  private async iperf(c: LoadCase, host: string, port: number, seconds: number): Promise<LoadResult> {
    const direction = c.name === 'tcp-down' ? ['-R'] : [];
    const r = await run(this.pod.in(...this.prefix, 'iperf3', '-c', host, '-p', String(port), '-t', String(seconds), '-J', ...direction));
    return parseIperf(r.stdout);
  }
}
