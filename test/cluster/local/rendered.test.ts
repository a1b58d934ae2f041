import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as fc from 'fast-check';
import { nodeFiles } from './components.ts';
import { dnsManifest } from './dns.ts';
import { initScript, quote } from './init-script.ts';
import { layout } from './layout.ts';

function golden(file: string, actual: string): void {
  const path = join(import.meta.dirname, 'golden', file);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, actual);
  assert.equal(actual, readFileSync(path, 'utf8'), `${file} differs; UPDATE_GOLDEN=1 rewrites it`);
}

const cluster = layout('/state', 'mesh', 4, 2);

describe('what a node is given', () => {
  for (const node of cluster.nodes) {
    const script = initScript(cluster, node, '/cache/bin');
    it(`init script of node ${node.number}`, () => golden(`init-${node.number}.sh`, script));
    it(`init script of node ${node.number} is valid shell`, () => void execFileSync('sh', ['-n'], { input: script }));
  }

  it('configuration files', () => {
    const files = Object.entries(nodeFiles(cluster, cluster.nodes[1]!));
    golden('node-files.txt', files.map(([name, text]) => `--- ${name}\n${text}`).join(''));
    assert.equal((parse(files.find(([name]) => name === 'kubelet.yaml')![1]) as { cgroupRoot: string }).cgroupRoot, '/kubectl-mesh/mesh/2');
  });

  it('DNS', () => golden('dns.json', `${JSON.stringify(dnsManifest(), undefined, 2)}\n`));
});

describe('quote', () => {
  it('makes one word of anything, as the shell reads it', () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((text) => !text.includes('\0') && text.isWellFormed());
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        const output = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`], { encoding: 'utf8' });
        assert.deepEqual(output.split('\0').slice(0, -1), words);
      }),
      { numRuns: 50 },
    );
    assert.equal(quote(''), "''");
  });
});
