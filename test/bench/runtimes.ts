/** JavaScript runtimes that the proxy can be started on; those beside the project's own come from npm and are kept outside the checkout by version. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { SPECS } from '../../images/images.ts';
import { readEnv } from '../cluster/env.ts';
import { BenchError, run } from './children.ts';

export const RUNTIMES = ['node24', 'node26', 'bun'] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

export interface Runtime {
  name: RuntimeName;
  /** program and its flags, in front of the script */
  argv: string[];
  /** flags that load a module before the script */
  preload(file: string): string[];
  /** prints each garbage collection */
  traceGc: string[];
}

const ARCH = process.arch === 'arm64' ? 'arm64' : 'x64';

/** npm package, version and path of the program in it. */
const PACKAGES: Record<Exclude<RuntimeName, 'node24'>, { name: string; version: string; program: string }> = {
  node26: { name: `node-linux-${ARCH}`, version: '26.10.0', program: 'bin/node' },
  bun: { name: `@oven/bun-linux-${ARCH === 'x64' ? 'x64' : 'aarch64'}`, version: '1.4.5', program: 'bin/bun' },
};

/** Flags of the proxy's image, which are V8's. */
const IMAGE_FLAGS = SPECS.proxy.entrypoint.slice(1, -1);

/** `flags`: in place of those of the image. */
export async function runtime(name: RuntimeName, flags: string[] | null, log: (line: string) => void): Promise<Runtime> {
  if (name === 'bun') return { name, argv: [await fetched('bun', log), ...(flags ?? ['--smol'])], preload: (file) => ['--preload', file], traceGc: [] };
  const program = name === 'node24' ? process.execPath : await fetched(name, log);
  return { name, argv: [program, ...(flags ?? IMAGE_FLAGS)], preload: (file) => ['--import', file], traceGc: ['--trace-gc'] };
}

async function fetched(name: Exclude<RuntimeName, 'node24'>, log: (line: string) => void): Promise<string> {
  const wanted = PACKAGES[name];
  const dir = path.join(readEnv().cacheDir, `runtime-${name}-${wanted.version}`);
  const program = path.join('node_modules', wanted.name, wanted.program);
  if (existsSync(path.join(dir, program))) return path.join(dir, program);
  log(`getting ${wanted.name} ${wanted.version} from npm`);
  const part = `${dir}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  const r = await run(['npm', 'install', '--prefix', part, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', `${wanted.name}@${wanted.version}`]);
  if (r.code !== 0 || !existsSync(path.join(part, program))) {
    rmSync(part, { recursive: true, force: true });
    throw new BenchError(`npm could not get ${wanted.name} ${wanted.version}, which --runtime ${name} runs:\n${r.stderr.trim().split('\n').slice(-5).join('\n')}`);
  }
  rmSync(dir, { recursive: true, force: true });
  renameSync(part, dir);
  return path.join(dir, program);
}
