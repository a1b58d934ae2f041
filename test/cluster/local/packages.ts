/** The Debian packages that a node is made of: checked by their programs, installed where they are missing and that is possible. */
import { access, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { ClusterError, type Progress } from '../provider.ts';
import { lastLines, type Exec } from '../exec.ts';
import { longStep } from '../progress.ts';

/** Programs (any one of the paths will do) by package. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  containerd: ['/usr/bin/containerd', '/usr/local/bin/containerd'],
  runc: ['/usr/sbin/runc', '/usr/bin/runc', '/usr/local/sbin/runc'],
  'containernetworking-plugins': ['/usr/lib/cni/ptp'],
  'etcd-server': ['/usr/bin/etcd', '/usr/local/bin/etcd'],
  iptables: ['/usr/sbin/iptables'],
  nftables: ['/usr/sbin/nft'],
  iproute2: ['/usr/sbin/ip', '/usr/bin/ip', '/sbin/ip', '/bin/ip'],
  conntrack: ['/usr/sbin/conntrack'],
  'busybox-static': ['/usr/bin/busybox', '/bin/busybox'],
  tcpdump: ['/usr/bin/tcpdump', '/usr/sbin/tcpdump'],
  openssl: ['/usr/bin/openssl'],
  'util-linux': ['/usr/bin/nsenter'],
};

export interface PackageDeps {
  run: Exec;
  log: Progress;
  /** environment of apt-get */
  vars: Record<string, string | undefined>;
  /** what is needed, with the programs to look for; PACKAGES unless said otherwise */
  packages?: Readonly<Record<string, readonly string[]>>;
  isExecutable?: (path: string) => Promise<boolean>;
  readOsRelease?: () => Promise<string>;
  policyFile?: string;
}

const executable = (path: string) => access(path, constants.X_OK).then(() => true, () => false);

/** Path of the first of a package's programs that is there. */
export async function programOf(name: string, isExecutable = executable): Promise<string | undefined> {
  return firstOf(PACKAGES[name] ?? [], isExecutable);
}

async function firstOf(paths: readonly string[], isExecutable: (path: string) => Promise<boolean>): Promise<string | undefined> {
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
}

/** Installs what is missing. Throws ClusterError where that cannot be done. */
export async function ensurePackages(deps: PackageDeps): Promise<void> {
  const isExecutable = deps.isExecutable ?? executable;
  const missing: string[] = [];
  for (const [name, paths] of Object.entries(deps.packages ?? PACKAGES)) if ((await firstOf(paths, isExecutable)) === undefined) missing.push(name);
  if (missing.length === 0) return;
  const list = missing.join(' ');
  const osRelease = await (deps.readOsRelease ?? (() => readFile('/etc/os-release', 'utf8').catch(() => '')))();
  if (!/^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(osRelease)) {
    throw new ClusterError(`The local cluster (or the test command) needs programs that are not here, and this is not Debian or Ubuntu, so they are not installed for you. On Debian they are the packages ${list}; install their like, or use --provider kind or --provider existing.`);
  }
  const policy = deps.policyFile ?? '/usr/sbin/policy-rc.d';
  await longStep(deps.log, `installing Debian packages: ${list}`, async () => {
    await apt(deps, ['update']);
    await withoutServiceStarts(policy, () => apt(deps, ['install', '-y', '--no-install-recommends', ...missing]));
  });
  await keepFromBoot(deps.run, missing);
}

async function apt({ run, vars }: PackageDeps, args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run('apt-get', args, { env: { ...vars, DEBIAN_FRONTEND: 'noninteractive' } });
  if (code !== 0) throw new ClusterError(`\`apt-get ${args.join(' ')}\` failed: ${lastLines(stderr || stdout)}. Run it by hand to see why (another apt may be running, or the package sources cannot be reached), then run this command again.`);
}

const POLICY_MARK = 'kubectl-mesh holds back service starts during an installation';
const POLICY = `#!/bin/sh\n# ${POLICY_MARK}\nexit 101\n`;

/** Debian's packages ask policy-rc.d before they start a service; 101 means no. Whatever file was there comes back. */
export async function withoutServiceStarts(path: string, work: () => Promise<void>): Promise<void> {
  const saved = `${path}.kubectl-mesh-saved`;
  const current = await readFile(path, 'utf8').catch(() => undefined);
  // Ours from a killed run must not be taken for the administrator's.
  if (current !== undefined && !current.includes(POLICY_MARK)) await rename(path, saved);
  await writeFile(path, POLICY, { mode: 0o755 });
  try {
    await work();
  } finally {
    await rm(path, { force: true });
    await rename(saved, path).catch(() => undefined);
  }
}

/** The services of newly installed packages would start at the next boot; nodes run their own. */
async function keepFromBoot(run: Exec, installed: readonly string[]): Promise<void> {
  const services = [['containerd', 'containerd.service'], ['etcd-server', 'etcd.service']] as const;
  for (const [name, service] of services) if (installed.includes(name)) await run('systemctl', ['disable', service]);
}
