/** Keeps the documents in step with the code: what the code reads, counts, answers and offers is in them, and what they point at exists. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { CONFIG_KEYS, CREATED_BY, INJECT, INJECT_ALIAS, TRAFFIC_KEYS } from '../api/annotations.ts';
import { LABELS } from '../api/names.ts';
import { ADMISSION_LABEL, INJECT_CARRIED } from '../api/webhooks.ts';
import { COMMANDS } from '../kubectl-plugins/commands.ts';
import { parseEnv } from '../proxy/env.ts';
import { ERRORS } from '../proxy/errors.ts';

const ROOT = path.dirname(import.meta.dirname);
const GROUP_KEY = INJECT.replace('inject', '');

function read(file: string): string {
  return fs.readFileSync(path.join(ROOT, file), 'utf8');
}

/** Files below a folder of the checkout whose name ends so, as paths from the root. */
function below(folder: string, ending: string): string[] {
  return fs.readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((f) => path.posix.join(folder, f.split(path.sep).join('/')))
    .filter((f) => f.endsWith(ending) && !f.includes('node_modules/'));
}

const DOCUMENTS = [...fs.readdirSync(ROOT).filter((f) => f.endsWith('.md')), ...below('docs', '.md')];

/** Names in backquotes in the first column of those tables of a document whose first column has this heading. */
function tabled(file: string, heading: string): Set<string> {
  const rows = read(file).split('\n\n').filter((block) => block.startsWith(`| ${heading} |`)).flatMap((block) => block.split('\n').slice(2));
  return new Set(rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map((m) => m[1]!)));
}

function assertSame(documented: Iterable<string>, inCode: Iterable<string>, file: string): void {
  const [there, needed] = [new Set(documented), new Set(inCode)];
  assert.deepEqual([...needed].filter((n) => !there.has(n)), [], `missing in ${file}`);
  assert.deepEqual([...there].filter((n) => !needed.has(n)), [], `in ${file}, but not in the code`);
}

/** Names that parseEnv asks for, without their prefix, when only what must be set is set. */
function variablesAskedFor(): Set<string> {
  const asked = new Set<string>();
  const given: Record<string, string> = {
    IDENTITY_LOCAL_NAME: 'a.b', IDENTITY_TOKEN_FILE: 'token', IDENTITY_TRUST_ANCHORS_FILE: 'anchors', POLICY_WORKLOAD: '{}',
    IDENTITY_SVC_ADDR: 'identity:1', IDENTITY_SVC_NAME: 'i', DESTINATION_SVC_ADDR: 'destination:1', DESTINATION_SVC_NAME: 'd', POLICY_SVC_ADDR: 'policy:1', POLICY_SVC_NAME: 'p',
  };
  parseEnv(new Proxy({}, {
    get(_target, name) {
      const short = /^MESH_PROXY_(\w+)$/.exec(String(name))?.[1];
      if (short !== undefined) asked.add(short);
      return short === undefined ? undefined : given[short];
    },
  }));
  return asked;
}

/** Names of the metrics that sources register. */
function metricsIn(folders: string[], pattern: RegExp): string[] {
  const sources = folders.flatMap((f) => below(f, '.ts')).filter((f) => !/\.test\.ts$|\.testkit\.ts$|\/testing\//.test(f));
  return sources.flatMap((f) => [...read(f).matchAll(pattern)].map((m) => m[1]!));
}

/** The anchor that a heading gets on the usual forges. */
function slug(heading: string): string {
  return heading.trim().toLowerCase().replaceAll('`', '').replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
}

function anchorsOf(file: string): Set<string> {
  return new Set(read(file).replaceAll(/^```[\s\S]*?^```/gm, '').split('\n').filter((l) => /^#{1,6} /.test(l)).map((l) => slug(l.replace(/^#+ /, ''))));
}

describe('documents', () => {
  it('name every variable of the proxy', () => {
    const file = 'docs/proxy-environment.md';
    assertSame(tabled(file, 'Variable'), variablesAskedFor(), file);
  });

  it('name every metric', () => {
    const file = 'docs/metrics.md';
    const proxy = metricsIn(['proxy'], /\.(?:counter|gauge|histogram)\('([a-z0-9_]+)'/g);
    const control = metricsIn(['control', 'webhook'], /new (?:Counter|Gauge|Histogram)\(\{\s*name: '([a-z0-9_]+)'/g);
    assert.ok(proxy.length > 20 && control.length > 5);
    assertSame(tabled(file, 'Metric'), [...proxy, ...control], file);
  });

  it('explain every error of the proxy', () => {
    const file = 'docs/errors.md';
    const text = read(file);
    assertSame([...anchorsOf(file)].filter((a) => a.toUpperCase() in ERRORS).map((a) => a.toUpperCase()), Object.keys(ERRORS), file);
    for (const { label } of Object.values(ERRORS)) assert.ok(text.includes(`\`${label}\``), `${file} does not say the label "${label}"`);
  });

  it('name every annotation', () => {
    const file = 'docs/annotations.md';
    assertSame(tabled(file, 'Key'), [INJECT, CREATED_BY, INJECT_CARRIED, ADMISSION_LABEL, LABELS.controlPlaneNs, LABELS.workloadNs, `${LABELS.ownerPrefix}KIND`, ...[...CONFIG_KEYS, ...Object.keys(TRAFFIC_KEYS)].map((k) => GROUP_KEY + k)], file);
    for (const alias of Object.values(TRAFFIC_KEYS)) if (alias !== undefined) assert.ok(read(file).includes(`\`${alias}\``), `${file} does not say the alias ${alias}`);
    assert.ok(read(file).includes(INJECT_ALIAS));
  });

  it('name every command and its flags', () => {
    const file = 'docs/cli.md';
    const sections = new Map(read(file).split(/^## /m).slice(1).map((s) => [s.slice(0, s.indexOf('\n')).replaceAll('`', '').replace('kubectl mesh ', ''), s]));
    for (const { name, flags, hidden } of COMMANDS) {
      if (hidden) continue;
      const section = sections.get(name);
      assert.ok(section, `${file} has no section on ${name}`);
      for (const [flag, { describe: _, alias }] of Object.entries(flags)) {
        if (['kubeconfig', 'context', 'as', 'as-group'].includes(flag)) continue;
        assert.match(section, new RegExp(`\`(-\\w, )?--(no-)?${flag}\``), `${file}: ${name} --${flag}`);
        if (typeof alias === 'string') assert.ok(section.includes(`-${alias}, --${flag}`), `${file}: ${name} -${alias}`);
      }
    }
  });

  it('list every decision', () => {
    const index = read('docs/adr/README.md');
    for (const file of below('docs/adr', '.md').filter((f) => !f.endsWith('README.md'))) {
      assert.ok(index.includes(`(${path.posix.basename(file)})`), `${file} is not in docs/adr/README.md`);
      for (const part of [/^- Status: (accepted|superseded by)/m, /^- Date: \d{4}-\d\d-\d\d$/m, /^## Context$/m, /^## Decision$/m, /^## Consequences$/m]) assert.match(read(file), part, file);
    }
  });

  for (const file of DOCUMENTS) {
    it(`point at what exists: ${file}`, () => {
      const text = read(file);
      const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '');
      for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [to = '', anchor] = target.split('#');
        const found = to === '' ? file : path.posix.normalize(path.posix.join(path.posix.dirname(file), to));
        assert.ok(fs.existsSync(path.join(ROOT, found)), `link to ${target}`);
        if (anchor !== undefined) assert.ok(anchorsOf(found).has(anchor), `link to ${target}: no such heading`);
      }
      const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
      for (const [, script = ''] of text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)) assert.ok(script in scripts, `npm run ${script}`);
    });
  }
});
