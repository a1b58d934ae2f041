/** Rules of this repository that no linter knows, each with its reason. Prints what breaks them; exit code 1 if anything does. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const ROOT = path.dirname(import.meta.dirname);
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' }).split('\n').filter((f) => f !== '' && fs.existsSync(path.join(ROOT, f)));
const code = files.filter((f) => /\.(ts|mjs|js|sh)$/.test(f));
const shipped = code.filter((f) => /^(proxy|control|webhook|kubectl-plugins|lib|api)\//.test(f) && !/\.(test|testkit|harness)\.ts$|\/testing\//.test(f));

let broken = 0;
function report(reason: string, where: string[]): void {
  if (where.length === 0) return;
  broken++;
  console.error(`${reason}\n${where.map((w) => `  ${w}`).join('\n')}\n`);
}

function text(file: string): string {
  return fs.readFileSync(path.join(ROOT, file), 'utf8');
}

/** file:line of every line that matches */
function grep(list: string[], pattern: RegExp): string[] {
  return list.flatMap((f) => text(f).split('\n').flatMap((line, i) => (pattern.test(line) ? [`${f}:${i + 1}`] : [])));
}

report('Over 500 lines: split by concept.', code.filter((f) => text(f).split('\n').length > 500));
report('The proxy process imports what costs it memory and CPU (docs/adr/0002): use its own codecs.',
  grep(shipped.filter((f) => f.startsWith('proxy/')), /from '(node:)?(http|http2|https)'|from '(fastify|undici|pino|yargs|@grpc\/|@connectrpc\/|@bufbuild\/|@kubernetes\/|@prometheus-io\/)/));
report('One component imports another: they share api and lib only (control/main.ts composes).', components());
report('A test that does not run is a defect.', grep(code.filter((f) => f.endsWith('.test.ts')), /\b(it|describe)\.(only|skip)\(|this\.skip\(\)|\bx(it|describe)\(/));
report('process.env and process.exit belong in env.ts, main.ts and bin.', grep(shipped.filter((f) => !/(\/env\.ts|\/main\.ts|\/bin\/.*|\/mesh\.ts|^api\/generate\.ts|^api\/codegen\/.*)$/.test(f)), /process\.(env|exit)\b/));
report('Unfinished marks in shipped code.', grep(shipped, /\b(TODO|FIXME|XXX)\b/));
if (broken > 0) process.exit(1);

function components(): string[] {
  const parts = ['proxy', 'control', 'webhook', 'kubectl-plugins'];
  return shipped.flatMap((f) => {
    const own = f.split('/')[0]!;
    if (f === 'control/main.ts' || !parts.includes(own)) return [];
    return [...text(f).matchAll(/from '(\.[^']+)'/g)].flatMap((m) => {
      const target = path.normalize(path.join(path.dirname(f), m[1]!)).split('/')[0]!;
      return parts.includes(target) && target !== own ? [`${f} imports ${m[1]}`] : [];
    });
  });
}
