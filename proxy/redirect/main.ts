/** The init container: redirects the pod's TCP traffic to its proxy, checks that it did, and ends. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { applyRules, setCloseWait, type Run } from './apply.ts';
import { families } from './families.ts';
import { parseOptions, USAGE } from './options.ts';
import { renderRules } from './rules.ts';

const run: Run = (command, args, input) => new Promise((resolve, reject) => {
  const child = spawn(command, args, { stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (b: Buffer) => { stdout += b.toString(); });
  child.stderr.on('data', (b: Buffer) => { stderr += b.toString(); });
  child.on('error', reject);
  child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  // iptables-save reads no input and may be gone before ours is written; its exit code says what matters.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
});

function readIfInet6(): string {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8');
  } catch {
    return ''; // the kernel has no IPv6
  }
}

try {
  const options = parseOptions(process.argv.slice(2));
  const wanted = families(options.ipv6, readIfInet6());
  if (options.simulate) process.stdout.write(wanted.map((f) => `# ${f}\n${renderRules(options, f)}`).join(''));
  else {
    await applyRules(options, wanted, run);
    if (options.closeWaitSeconds > 0) setCloseWait(options.closeWaitSeconds, writeFileSync);
    process.stdout.write(`redirected ${wanted.join(' and ')}: inbound to ${options.inboundPort}, outbound to ${options.outboundPort}, except uid ${options.proxyUid}\n`);
  }
} catch (e) {
  const message = (e as Error).message;
  process.stderr.write(`mesh-init: ${message}\n${/^--|Unknown option|Unexpected argument/.test(message) ? USAGE : ''}`);
  process.exit(1);
}
