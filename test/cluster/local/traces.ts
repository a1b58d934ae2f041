/** For tests: what a cluster has left on this machine, looked for without the code that removes it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { bridgeMac } from './network.ts';

/** One line a trace; empty if the machine knows nothing of the cluster. */
export function traces(name: string, clustersDir: string): string[] {
  const dir = join(clustersDir, name);
  return [
    ...processes(dir, name),
    ...links(name),
    ...entries('/run/netns').filter((entry) => entry.startsWith(`kubectl-mesh.${name}.`)).map((entry) => `namespace ${entry}`),
    ...cgroups('/sys/fs/cgroup', name).map((path) => `cgroup ${path}`),
    ...readFileSync('/proc/self/mounts', 'utf8').split('\n').filter((line) => line.includes(`${dir}/`)).map((line) => `mount ${line}`),
    ...entries(clustersDir).filter((entry) => entry === name).map(() => `state ${dir}`),
    ...entries('/run/lock').filter((entry) => entry === `kubectl-mesh-cluster-${name}`).map((entry) => `lock ${entry}`),
  ];
}

/** The cluster's bridge, and ports without a bridge, whosever they were: no cluster has those at any time. */
function links(name: string): string[] {
  const list = JSON.parse(execFileSync('ip', ['-json', 'link'], { encoding: 'utf8' })) as { ifname: string; address?: string }[];
  const names = list.map((link) => link.ifname);
  const orphans = names.filter((link) => /^kmesh\d+n\d+$/.test(link) && !names.includes(link.replace(/n\d+$/, '')));
  return [...list.filter((link) => link.address === bridgeMac(name)).map((link) => link.ifname), ...orphans].map((link) => `link ${link}`);
}

/** Those whose mounts come from the cluster's folder are on its nodes; the rest name it. */
function processes(dir: string, name: string): string[] {
  return entries('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid).flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const onNode = readFileSync(`/proc/${pid}/mounts`, 'utf8').includes(`${dir}/`) || readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/kubectl-mesh/${name}/`);
      const bindsNode = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${dir}/nodes/`);
      return onNode || bindsNode || command.includes(`${dir}/nodes/`) ? [`process ${pid} (${readlinkSync(`/proc/${pid}/exe`)}) ${command.slice(0, 80)}`] : [];
    } catch {
      return [];
    }
  });
}

function cgroups(root: string, name: string): string[] {
  return entries(root).flatMap((hierarchy) => {
    const parent = hierarchy === 'kubectl-mesh' ? root : join(root, hierarchy);
    const path = join(parent, 'kubectl-mesh', name);
    return entries(join(parent, 'kubectl-mesh')).includes(name) ? [path] : [];
  });
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
