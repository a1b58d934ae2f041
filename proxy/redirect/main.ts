/** The init container: redirects the pod's TCP traffic to its proxy, checks that it did, and ends. */
import { spawn } from 'node:child_process';
import { applyRules, type Run } from './apply.ts';
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

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.simulate) process.stdout.write(renderRules(options));
  else {
    await applyRules(options, run);
    process.stdout.write(`redirected: inbound to ${options.inboundPort}, outbound to ${options.outboundPort}, except uid ${options.proxyUid}\n`);
  }
} catch (e) {
  const message = (e as Error).message;
  process.stderr.write(`mesh-init: ${message}\n${/^--|Unknown option|Unexpected argument/.test(message) ? USAGE : ''}`);
  process.exit(1);
}
