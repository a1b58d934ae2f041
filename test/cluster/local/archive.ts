/** Image archives in the form that `docker save` writes (manifest.json, config, one layer), from files in memory; same input, same bytes. */
import { createHash } from 'node:crypto';

export interface ImageFile {
  /** path from the root of the image, without a leading slash, below 100 bytes */
  path: string;
  mode: number;
  content: Buffer;
}

export interface ImageSpec {
  tag: string;
  files: ImageFile[];
  entrypoint: string[];
}

const BLOCK = 512;

export function dockerArchive(image: ImageSpec): Buffer {
  const layer = tar(image.files);
  const config = json({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Entrypoint: image.entrypoint, Env: ['PATH=/'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created_by: 'kubectl-mesh test cluster' }],
  });
  const configName = `${sha256(config)}.json`;
  const manifest = json([{ Config: configName, RepoTags: [image.tag], Layers: ['layer.tar'] }]);
  return tar([
    { path: 'manifest.json', mode: 0o644, content: manifest },
    { path: configName, mode: 0o644, content: config },
    { path: 'layer.tar', mode: 0o644, content: layer },
  ]);
}

/** POSIX ustar, plain files only, owned by root at time 0. */
export function tar(files: readonly ImageFile[]): Buffer {
  const parts: Buffer[] = [];
  for (const file of files) {
    const padding = (BLOCK - (file.content.length % BLOCK)) % BLOCK;
    parts.push(header(file), file.content, Buffer.alloc(padding));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

/** Field offsets: POSIX.1-1988 ustar. Numbers are octal text ended by NUL. */
function header(file: ImageFile): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(file.path, 0, 100);
  block.write(octal(file.mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(file.content.length, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
