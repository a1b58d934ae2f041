import { readdirSync } from 'node:fs';
import { must, run, runSync } from './children.ts';

/** Two network namespaces joined by a veth pair: the client's pod and the server's pod. */
export interface Pods {
  client: Pod;
  server: Pod;
  remove(): void;
}

export interface Pod {
  ns: string;
  ip: string;
  /** argv that runs a program in the namespace */
  in(...argv: string[]): string[];
}

const PREFIX = 'meshbench';

export async function makePods(): Promise<Pods> {
  removeLeftovers();
  const id = String(process.pid);
  const pod = (side: string, ip: string): Pod => {
    const ns = `${PREFIX}-${id}-${side}`;
    return { ns, ip, in: (...argv) => ['ip', 'netns', 'exec', ns, ...argv] };
  };
  const client = pod('c', '10.214.77.1');
  const server = pod('s', '10.214.77.2');
  const remove = (): void => {
    for (const p of [client, server]) runSync(['ip', 'netns', 'del', p.ns]);
  };
  await must(['ip', 'netns', 'add', client.ns]);
  await must(['ip', 'netns', 'add', server.ns]);
  await must(['ip', 'link', 'add', `mbc${id}`, 'netns', client.ns, 'type', 'veth', 'peer', 'name', `mbs${id}`, 'netns', server.ns]);
  for (const [p, link, other] of [[client, `mbc${id}`, server], [server, `mbs${id}`, client]] as const) {
    await must(p.in('ip', 'link', 'set', 'lo', 'up'));
    await must(p.in('ip', 'addr', 'add', `${p.ip}/24`, 'dev', link));
    await must(p.in('ip', 'link', 'set', link, 'up'));
    // Service addresses have no host of their own; the route only lets the packet reach the redirect.
    await must(p.in('ip', 'route', 'add', 'default', 'via', other.ip));
    await run(p.in('sysctl', '-qw', 'net.core.somaxconn=4096', 'net.ipv4.ip_local_port_range=10000 60999'));
  }
  return { client, server, remove };
}

/** Namespaces of benches that were killed. */
function removeLeftovers(): void {
  let names: string[] = [];
  try {
    names = readdirSync('/run/netns');
  } catch {
    return;
  }
  for (const name of names) {
    const m = /^meshbench-(\d+)-[cs]$/.exec(name);
    if (m === null) continue;
    try {
      process.kill(Number(m[1]), 0);
    } catch {
      runSync(['ip', 'netns', 'del', name]);
    }
  }
}
