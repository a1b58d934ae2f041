import { CHAINS, chainRules, JUMPS, renderRules, type Family } from './rules.ts';
import type { Options } from './options.ts';

/** Runs a program with input; resolves with its output whatever its exit code. Rejects when it cannot be started. */
export type Run = (command: string, args: string[], input: string) => Promise<{ code: number; stdout: string; stderr: string }>;

const PROGRAM: Record<Family, string> = { ipv4: 'iptables', ipv6: 'ip6tables' };

/** Puts the rules in place, in one transaction for each family, and reads them back. Throws an Error that says what failed and what to do. */
export async function applyRules(o: Options, families: readonly Family[], run: Run): Promise<void> {
  for (const family of families) await applyFamily(o, family, run);
}

async function applyFamily(o: Options, family: Family, run: Run): Promise<void> {
  const save = `${PROGRAM[family]}-${o.mode}-save`;
  const restore = `${PROGRAM[family]}-${o.mode}-restore`;
  const before = await must(run, save, ['-t', 'nat'], '');
  const present = JUMPS.filter((j) => before.split('\n').includes(j));
  await must(run, restore, ['--noflush', '-w', '5'], renderRules(o, family, present));
  const after = await must(run, save, ['-t', 'nat'], '');
  const lines = after.split('\n');
  const wanted = chainRules(o, family).length;
  const ours = lines.filter((l) => l.startsWith(`-A ${CHAINS.inbound} `) || l.startsWith(`-A ${CHAINS.outbound} `));
  const missing = JUMPS.filter((j) => !lines.includes(j));
  if (missing.length > 0 || ours.length !== wanted) {
    throw new Error(`the rules were accepted but are not in force: found ${ours.length} of ${wanted} for ${family}. Something else in the pod's network namespace changes iptables; `
      + 'look for another mesh\'s or the network plugin\'s init containers');
  }
}

/** Of the pod's network namespace. Connections that are redirected and half closed are forgotten after this time, and break. */
const CLOSE_WAIT = '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait';

/** Sets how long the kernel remembers half-closed connections. Throws an Error that says what to do. */
export function setCloseWait(seconds: number, write: (file: string, text: string) => void): void {
  try {
    write(CLOSE_WAIT, String(seconds));
  } catch (e) {
    throw new Error(`${CLOSE_WAIT} cannot be written: ${(e as Error).message}. The container has to be privileged for --close-wait-timeout: leave it out, or allow that in this namespace.`, { cause: e });
  }
}

async function must(run: Run, command: string, args: string[], input: string): Promise<string> {
  const r = await run(command, args, input);
  if (r.code === 0) return r.stdout;
  const said = r.stderr.trim() || `exit code ${r.code}`;
  const hint = /permission denied|not permitted/i.test(said)
    ? 'The container needs the capabilities NET_ADMIN and NET_RAW: a Pod Security level or an admission policy may take them away in this namespace.'
    : `If the nodes have only the legacy iptables modules, use --mode legacy.${command.startsWith('ip6') ? ' If they have none for IPv6, use --ipv6 false: IPv6 then bypasses the mesh.' : ''}`;
  throw new Error(`${command} failed: ${said}\n${hint}`);
}
