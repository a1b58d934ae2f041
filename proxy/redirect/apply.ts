import { CHAINS, chainRules, JUMPS, renderRules } from './rules.ts';
import type { Options } from './options.ts';

/** Runs a program with input; resolves with its output whatever its exit code. Rejects when it cannot be started. */
export type Run = (command: string, args: string[], input: string) => Promise<{ code: number; stdout: string; stderr: string }>;

/** Puts the rules in place in one transaction and reads them back. Throws an Error that says what failed and what to do. */
export async function applyRules(o: Options, run: Run): Promise<void> {
  const save = `iptables-${o.mode}-save`;
  const restore = `iptables-${o.mode}-restore`;
  const before = await must(run, save, ['-t', 'nat'], '');
  const present = JUMPS.filter((j) => before.split('\n').includes(j));
  await must(run, restore, ['--noflush', '-w', '5'], renderRules(o, present));
  const after = await must(run, save, ['-t', 'nat'], '');
  const lines = after.split('\n');
  const ours = lines.filter((l) => l.startsWith(`-A ${CHAINS.inbound} `) || l.startsWith(`-A ${CHAINS.outbound} `));
  const missing = JUMPS.filter((j) => !lines.includes(j));
  if (missing.length > 0 || ours.length !== chainRules(o).length) {
    throw new Error(`the rules were accepted but are not in force: found ${ours.length} of ${chainRules(o).length}. Something else in the pod's network namespace changes iptables; `
      + 'look for another mesh\'s or the network plugin\'s init containers');
  }
}

async function must(run: Run, command: string, args: string[], input: string): Promise<string> {
  const r = await run(command, args, input);
  if (r.code === 0) return r.stdout;
  const said = r.stderr.trim() || `exit code ${r.code}`;
  const hint = /permission denied|not permitted/i.test(said)
    ? 'The container needs the capabilities NET_ADMIN and NET_RAW: a Pod Security level or an admission policy may take them away in this namespace.'
    : 'If the nodes have only the legacy iptables modules, use --mode legacy.';
  throw new Error(`${command} failed: ${said}\n${hint}`);
}
