import type { Entry } from './tar-write.ts';

const BLOCK = 512;

function text(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

function octal(block: Buffer, at: number, length: number): number {
  const digits = text(block, at, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw new SyntaxError(`bad number in a tar header: "${digits}"`);
  return parseInt(digits, 8);
}

/** The key=value records of a pax header, of which path and linkpath matter. */
function paxRecords(data: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= space - at || at + length > data.length) throw new SyntaxError('bad pax record in a tar');
    const record = data.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

function clean(path: string): string {
  return path.replace(/^\.?\/+/, '').replace(/\/+$/, '');
}

/**
 * The entries of a tar as dpkg-deb prints it (GNU or POSIX), without its root folder. Throws SyntaxError on what it does not know: hard links,
 * devices, truncated files.
 */
export function readTar(tar: Buffer): Entry[] {
  const entries: Entry[] = [];
  let longPath: string | undefined;
  let longLink: string | undefined;
  for (let at = 0; at + BLOCK <= tar.length;) {
    const block = tar.subarray(at, at + BLOCK);
    if (block.every((b) => b === 0)) return entries;
    const flag = String.fromCharCode(block[156]!);
    const size = octal(block, 124, 12);
    const data = tar.subarray(at + BLOCK, at + BLOCK + size);
    if (data.length < size) throw new SyntaxError('the tar ends inside a file');
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (flag === 'L') longPath = text(data, 0, size);
    else if (flag === 'K') longLink = text(data, 0, size);
    else if (flag === 'x') {
      const records = paxRecords(data);
      longPath = records.get('path');
      longLink = records.get('linkpath');
    } else {
      const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? text(block, 345, 155) : '';
      const path = clean(longPath ?? (prefix ? `${prefix}/${text(block, 0, 100)}` : text(block, 0, 100)));
      const link = longLink ?? text(block, 157, 100);
      const mode = octal(block, 100, 8) & 0o7777;
      longPath = undefined;
      longLink = undefined;
      if (flag === '5') entries.push({ path, type: 'dir', mode });
      else if (flag === '2') entries.push({ path, type: 'link', mode, link });
      else if (flag === '0' || flag === '\0') entries.push({ path, type: 'file', mode, data });
      else throw new SyntaxError(`${path} is of a kind this reader does not know (${flag})`);
    }
  }
  throw new SyntaxError('the tar has no end');
}
