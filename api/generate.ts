/**
 * api/proto -> api/gen, offline: messages and services for the control plane by protoc-gen-es (JavaScript with declarations, because its TypeScript has
 * enums, which type stripping does not take), and tables.ts for the proxy. Does nothing when the inputs are those of the last run.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { renderMethods, renderTables } from './codegen/tables.ts';

const API = import.meta.dirname;
const ROOT = join(API, '..');
const PROTO = join(API, 'proto');
const OUT = join(API, 'gen');
const WELL_KNOWN = new Set(['google.protobuf.Duration', 'google.protobuf.Timestamp']);

function inputsDigest(): string {
  const hash = createHash('sha256');
  const files = [
    ...readdirSync(PROTO).sort().map((f) => join(PROTO, f)),
    join(API, 'generate.ts'), join(API, 'codegen', 'tables.ts'),
    ...['buf', 'protobuf', 'protoc-gen-es'].map((p) => join(ROOT, 'node_modules', '@bufbuild', p, 'package.json')),
  ];
  for (const f of files) hash.update(f.slice(ROOT.length)).update('\0').update(readFileSync(f)).update('\0');
  return hash.digest('hex');
}

function buf(cache: string, ...args: string[]): Buffer {
  // a cache of its own: buf insists on a writable one, and HOME need not be
  const env = { PATH: '', BUF_CACHE_DIR: cache };
  return execFileSync(process.execPath, [join(ROOT, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf'), ...args], { env, cwd: ROOT, maxBuffer: 1 << 26 });
}

function generate(): 'made' | 'up to date' {
  const digest = inputsDigest();
  const stamp = join(OUT, '.stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return 'up to date';

  const tmp = `${OUT}.${process.pid}`;
  rmSync(tmp, { recursive: true, force: true });
  const cache = join(tmp, '.buf');
  mkdirSync(cache, { recursive: true });
  const template = {
    version: 'v2',
    plugins: [{
      local: [process.execPath, join(ROOT, 'node_modules', '@bufbuild', 'protoc-gen-es', 'bin', 'protoc-gen-es')],
      out: tmp,
      opt: ['target=js+dts', 'import_extension=js'],
    }],
  };
  buf(cache, 'generate', PROTO, '--template', JSON.stringify(template));
  const set = fromBinary(FileDescriptorSetSchema, buf(cache, 'build', PROTO, '-o', '-#format=binpb'));
  const registry = createFileRegistry(set);
  const files = set.file.map((f) => registry.getFile(f.name)!);
  writeFileSync(join(tmp, 'tables.ts'), `${renderTables(files, WELL_KNOWN)}\n${renderMethods(files)}`);
  rmSync(cache, { recursive: true, force: true });
  writeFileSync(join(tmp, '.stamp'), digest);
  rmSync(OUT, { recursive: true, force: true });
  renameSync(tmp, OUT);
  return 'made';
}

process.stdout.write(`api/gen: ${generate()}\n`);
