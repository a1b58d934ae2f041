import { readFile } from 'node:fs/promises';
import { unpackDeb } from './packages.ts';
import { CAPABILITIES, type Capability } from './images.ts';
import { readTar } from './tar-read.ts';
import type { Entry } from './tar-write.ts';

/** What Debian's packages bring and a container without a shell has no use for. Licences (usr/share/doc/<package>/copyright) stay. */
const TRIMMED = [
  /^usr\/share\/(?!doc\/)/,
  /^usr\/share\/doc\/[^/]+\/(?!copyright$)/,
  /^usr\/lib\/[^/]+\/(gconv|audit)\//,
  /^usr\/lib\/[^/]+\/(libmemusage|libpcprofile|libc_malloc_debug|libmvec|libthread_db)\b/,
  /^usr\/sbin\/(ip6?tables-apply|nfnl_osf|arptables|ebtables|xtables-monitor)/,
];

/** Folders that Debian has merged into /usr (12 and newer); packages may still name the old ones. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

function merged(path: string): string {
  return MERGED.includes(path.split('/', 1)[0]!) ? `usr/${path}` : path;
}

/** Files of Debian packages, merged into /usr and trimmed. Folders are left out: the tar writer makes those that hold something. */
export async function debianFiles(debs: string[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const deb of debs) {
    for (const entry of readTar(await unpackDeb(deb))) {
      const path = merged(entry.path);
      if (entry.type !== 'dir' && !TRIMMED.some((trim) => trim.test(path))) entries.push({ ...entry, path });
    }
  }
  return entries;
}

function textFile(path: string, lines: string[]): Entry {
  return { path, type: 'file', mode: 0o644, data: Buffer.from(lines.map((line) => `${line}\n`).join('')) };
}

/** What no package brings: the merged folders, users by name, the order of name lookups, a place for temporary files. */
export function skeleton(users: Record<string, number>): Entry[] {
  const named = Object.entries({ root: 0, ...users, nobody: 65534 });
  return [
    ...MERGED.map((path): Entry => ({ path, type: 'link', mode: 0o777, link: `usr/${path}` })),
    ...['proc', 'sys', 'dev', 'run', 'var/run'].map((path): Entry => ({ path, type: 'dir', mode: 0o755 })),
    { path: 'tmp', type: 'dir', mode: 0o1777 },
    textFile('etc/passwd', named.map(([name, id]) => `${name}:x:${id}:${id}:${name}:/:/nonexistent`)),
    textFile('etc/group', named.map(([name, id]) => `${name}:x:${id}:`)),
    textFile('etc/nsswitch.conf', ['passwd: files', 'group: files', 'hosts: files dns']),
  ];
}

/**
 * Value of the extended attribute security.capability, revision 2: permitted and effective, without a root id (capabilities(7), "File capability
 * extended attribute versioning").
 */
export function capabilityXattr(names: Capability[]): Buffer {
  const REVISION_2_EFFECTIVE = 0x02000001;
  const bits = names.reduce((set, name) => set | (1 << CAPABILITIES[name]), 0);
  const value = Buffer.alloc(20);
  value.writeUInt32LE(REVISION_2_EFFECTIVE, 0);
  value.writeUInt32LE(bits, 4);
  return value;
}

/** Names without a choice behind them for the iptables programs: Debian leaves them to update-alternatives, which has not run. */
export function iptablesNames(): Entry[] {
  return ['iptables', 'ip6tables'].flatMap((family) => ['', '-save', '-restore'].map((suffix): Entry => (
    { path: `usr/sbin/${family}${suffix}`, type: 'link', mode: 0o777, link: `${family}-nft${suffix}` }
  )));
}

export async function fileEntry(path: string, source: string, mode = 0o644): Promise<Entry> {
  return { path, type: 'file', mode, data: await readFile(source) };
}
