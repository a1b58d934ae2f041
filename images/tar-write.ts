/** One entry of a root filesystem; everything belongs to root and has no time. */
export interface Entry {
  /** without a leading slash: usr/bin/node */
  path: string;
  type: 'file' | 'dir' | 'link';
  /** permission bits */
  mode: number;
  /** of a file */
  data?: Buffer;
  /** target of a symbolic link */
  link?: string;
  /** of a file: value of the extended attribute security.capability */
  capability?: Buffer;
}

const BLOCK = 512;
const ZEROS = Buffer.alloc(BLOCK);
/** The two blocks that end a tar. */
export const TAR_END = Buffer.alloc(2 * BLOCK);
const TYPE_FLAGS = { file: '0', dir: '5', link: '2' } as const;
/** Largest size that 11 octal digits hold. */
const MAX_SIZE = 8 ** 11 - 1;

/** A ustar header; `flag` is the entry's type ('0' file, '2' symbolic link, '5' folder). Throws RangeError from 8 GiB on. */
export function tarHeader(name: string, flag: string, mode: number, size: number, link: string): Buffer {
  if (size > MAX_SIZE) throw new RangeError(`${name} is too large for a tar: ${size} bytes`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) => block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(name, 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.fill(' ', 148, 156);
  block.write(flag, 156);
  block.write(link, 157, 100);
  block.write('ustar\x0000', 257, 'latin1');
  octal(0, 329, 8);
  octal(0, 337, 8);
  const sum = block.reduce((a, b) => a + b, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** One extended header record: its own length in decimal, a space, key=value, a line feed (POSIX pax). */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** The zeros that fill up the last block of a file. */
export function tarPadding(size: number): Buffer {
  return ZEROS.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK);
}

function* one(entry: Entry): Generator<Buffer> {
  const data = entry.type === 'file' ? entry.data ?? ZEROS.subarray(0, 0) : ZEROS.subarray(0, 0);
  const name = entry.type === 'dir' ? `${entry.path}/` : entry.path;
  const link = entry.type === 'link' ? entry.link! : '';
  const pax: Buffer[] = [];
  if (Buffer.byteLength(name) > 100) pax.push(paxRecord('path', Buffer.from(name)));
  if (Buffer.byteLength(link) > 100) pax.push(paxRecord('linkpath', Buffer.from(link)));
  if (entry.capability) pax.push(paxRecord('SCHILY.xattr.security.capability', entry.capability));
  if (pax.length > 0) {
    const records = Buffer.concat(pax);
    yield tarHeader('pax', 'x', 0o644, records.length, '');
    yield records;
    yield tarPadding(records.length);
  }
  yield tarHeader(name, TYPE_FLAGS[entry.type], entry.mode, data.length, link);
  yield data;
  yield tarPadding(data.length);
}

/**
 * A tar of these entries in the order of their paths' bytes, folders that are missing between them added. Equal entries give equal bytes.
 * Throws RangeError when two entries have one path or a file has 8 GiB.
 */
export function* writeTar(entries: Iterable<Entry>): Generator<Buffer> {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    if (all.has(entry.path)) throw new RangeError(`two entries for ${entry.path}`);
    all.set(entry.path, entry);
  }
  // Folders added on the way are visited too, and have all theirs already.
  for (const path of all.keys()) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const dir = path.slice(0, at);
      if (!all.has(dir)) all.set(dir, { path: dir, type: 'dir', mode: 0o755 });
    }
  }
  const sorted = [...all.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  for (const entry of sorted) yield* one(entry);
  yield TAR_END;
}
