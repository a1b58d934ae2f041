/**
 * `npm test`: everything, in the order of what fails fastest, and one closing line. Suites by name run only those:
 * types lint unit netns conformance cluster e2e.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { exec as execProgram } from '../test/cluster/exec.ts';
import { ensurePackages, PACKAGES } from '../test/cluster/local/packages.ts';

const ROOT = path.dirname(import.meta.dirname);
const BIN = path.join(ROOT, 'node_modules', '.bin');

interface Counts { passes: number; failures: number; pending: number }
interface Suite { name: string; what: string; run: () => Promise<Counts> }

const started = performance.now();

function elapsed(since = started): string {
  return `${((performance.now() - since) / 1000).toFixed(0)} s`;
}

/** Runs a program of the project with its output passed through; resolves with its exit code. */
function exec(command: string, args: string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(path.join(BIN, command), args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
    child.on('error', (e) => {
      console.error(`${command}: ${e.message}`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** A check that passes or fails as a whole. */
async function check(command: string, args: string[]): Promise<Counts> {
  const ok = (await exec(command, args)) === 0;
  return { passes: ok ? 1 : 0, failures: ok ? 0 : 1, pending: 0 };
}

async function mocha(config: string): Promise<Counts> {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'kubectl-mesh-test-')), 'counts');
  const code = await exec('mocha', ['--config', config, '--reporter', 'scripts/reporter.mjs'], { MOCHA_COUNTS: file });
  const counts = fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as Counts) : { passes: 0, failures: 0, pending: 0 };
  fs.rmSync(path.dirname(file), { recursive: true });
  // A run that broke outside of a test has failed all the same, and a test that did not run is a defect.
  if (code !== 0 && counts.failures === 0) counts.failures = 1;
  counts.failures += counts.pending;
  return counts;
}

const SUITES: Suite[] = [
  { name: 'types', what: 'TypeScript', run: () => check('tsc', ['--noEmit']) },
  { name: 'lint', what: 'oxlint and the house rules', run: () => both(check('oxlint', ['--type-aware', '--deny-warnings']), check('node', ['scripts/house-rules.ts'])) },
  { name: 'unit', what: 'unit and in-process integration tests', run: () => mocha('.mocharc.json') },
  { name: 'netns', what: 'the proxy behind real iptables in network namespaces', run: () => mocha('test/netns/.mocharc.json') },
  { name: 'conformance', what: 'h2spec against both sides of the proxy', run: () => mocha('test/conformance/.mocharc.json') },
  { name: 'cluster', what: 'the local cluster: networking, killed runs, errors', run: () => mocha('test/cluster/.mocharc.json') },
  { name: 'e2e', what: 'the mesh on a real cluster', run: () => mocha('test/e2e/.mocharc.json') },
];

async function both(...runs: Promise<Counts>[]): Promise<Counts> {
  const total: Counts = { passes: 0, failures: 0, pending: 0 };
  for (const r of await Promise.all(runs)) add(total, r);
  return total;
}

function add(total: Counts, c: Counts): void {
  total.passes += c.passes;
  total.failures += c.failures;
  total.pending += c.pending;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((w) => !SUITES.some((s) => s.name === w));
if (unknown.length > 0) {
  console.error(`There is no suite "${unknown[0]}". The suites are ${SUITES.map((s) => s.name).join(', ')}; without a name all of them run.`);
  process.exit(2);
}

/** Programs of others that the suites run beside ours, by Debian package; the local cluster's are among them. */
const PEERS = { ...PACKAGES, curl: ['/usr/bin/curl'], 'nghttp2-client': ['/usr/bin/h2load'] };

if (wanted.length === 0 || wanted.some((w) => w !== 'types' && w !== 'lint')) {
  try {
    await ensurePackages({ run: execProgram, log: (line) => console.log(line), vars: process.env, packages: PEERS });
  } catch (e) {
    console.error((e as Error).message);
    process.exit(1);
  }
}

const total: Counts = { passes: 0, failures: 0, pending: 0 };
const lines: string[] = [];
for (const suite of SUITES) {
  if (wanted.length > 0 && !wanted.includes(suite.name)) continue;
  const since = performance.now();
  console.log(`\n== ${suite.name}: ${suite.what} (at ${elapsed()})`);
  const c = await suite.run();
  add(total, c);
  lines.push(`${suite.name.padEnd(12)} ${String(c.passes).padStart(5)} passed ${String(c.failures).padStart(4)} failed   ${elapsed(since)}`);
}
console.log(`\n${lines.join('\n')}\n`);
console.log(`${total.passes} passed, ${total.failures} failed`);
process.exit(total.failures > 0 || total.passes === 0 ? 1 : 0);
