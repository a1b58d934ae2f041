import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from '../cli.ts';
import { EXIT } from '../exit.ts';
import { matchesGolden } from '../../testing/golden.ts';
import { testIo, type TestIo } from '../../testing/io.ts';

const FOLDER = join(import.meta.dirname, 'testdata');
const deps = { connect: () => Promise.reject(new Error('manifests need no cluster')) };

async function type(files: Record<string, string>, stdin: string, ...argv: string[]): Promise<TestIo & { code: number }> {
  const io = testIo({ files, stdin });
  const code = await cli(argv, io, deps);
  return Object.assign(io, { code });
}

describe('kubectl mesh inject and uninject', () => {
  for (const file of readdirSync(FOLDER).filter((f) => f.includes('.input.')).sort()) {
    const text = readFileSync(join(FOLDER, file), 'utf8');

    it(`change ${file} as they did before`, async () => {
      const done = await type({ [file]: text }, '', 'inject', file);
      assert.equal(done.code, EXIT.ok);
      matchesGolden(import.meta, file.replace('.input.', '.inject.golden.'), done.out());
      matchesGolden(import.meta, file.replace(/\.input\..*/, '.inject.report'), done.err());
      const undone = await type({}, done.out(), 'uninject', '-');
      matchesGolden(import.meta, file.replace('.input.', '.uninject.golden.'), undone.out());
      matchesGolden(import.meta, file.replace(/\.input\..*/, '.uninject.report'), undone.err());
    });

    it(`change ${file} only once`, async () => {
      const once = await type({}, text, 'inject', '-');
      assert.equal((await type({}, once.out(), 'inject', '-')).out(), once.out());
    });
  }

  it('leave every byte alone that is not theirs', async () => {
    const text = readFileSync(join(FOLDER, 'many.input.yaml'), 'utf8');
    const injected = (await type({}, text, 'inject', '-')).out();
    const added = injected.split('\n').filter((line) => /inject: enabled|^ *annotations:$/.test(line)).length;
    assert.ok(injected.split('\n').length <= text.split('\n').length + added + 1);
    assert.equal((await type({}, injected, 'uninject', '-')).out(), text);
  });

  it('keep the line ends of the file', async () => {
    const text = readFileSync(join(FOLDER, 'many.input.yaml'), 'utf8').replaceAll('\n', '\r\n');
    const injected = (await type({}, text, 'inject', '-')).out();
    assert.doesNotMatch(injected, /[^\r]\n/);
  });

  it('print YAML as JSON and JSON as YAML when asked to', async () => {
    const pod = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n';
    const json = (await type({}, pod, 'inject', '-', '-o', 'json')).out();
    assert.deepEqual(JSON.parse(json), { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', annotations: { 'kubectl-mesh.io/inject': 'enabled' } } });
    assert.equal((await type({}, json, 'uninject', '-', '-o', 'yaml')).out(), `---\n${pod}`);
  });

  it('read every manifest of a folder, in order, and nothing else', async () => {
    const pod = (name: string): string => `kind: Pod\nmetadata:\n  name: ${name}\n`;
    const done = await type({ 'k8s/b.yml': pod('b'), 'k8s/a.yaml': pod('a'), 'k8s/sub/c.json': '{"kind":"Pod","metadata":{"name":"c"}}', 'k8s/README.md': 'no' }, '', 'inject', 'k8s/');
    assert.equal(done.code, EXIT.ok);
    assert.deepEqual([...done.err().matchAll(/pod "(.)" injected/g)].map((m) => m[1]), ['a', 'b', 'c']);
  });

  it('say where a manifest is wrong, and print nothing', async () => {
    const good = 'kind: Pod\nmetadata:\n  name: x\n';
    const cases: [string, string, RegExp][] = [
      ['bad.yaml', 'kind: Pod\nmetadata:\n  name: x\n bad: y\n', /bad\.yaml:4:1: /],
      ['tab.yaml', 'kind: Pod\nmetadata:\n\tname: x\n', /tab\.yaml:3:1: /],
      ['twice.yaml', 'kind: Pod\nkind: Pod\n', /twice\.yaml:2:1: .*unique/],
      ['second.yaml', `${good}---\nfoo: bar\n`, /second\.yaml:5:1: this is no Kubernetes object/],
      ['item.yaml', 'kind: List\nitems:\n  - kind: Pod\n  - x: y\n', /item\.yaml:4:5: /],
      ['text.yaml', 'hello\n', /text\.yaml:1:1: /],
      ['bad.json', '{"kind": "Pod",\n "metadata": }', /bad\.json:2:/],
      ['none.json', '[]', /none\.json:1:1: /],
    ];
    for (const [name, text, message] of cases) {
      const done = await type({ 'good.yaml': good, [name]: text }, '', 'inject', 'good.yaml', name);
      assert.equal(done.code, EXIT.usage, `${name}: ${done.out()}`);
      assert.match(done.err(), message);
      assert.equal(done.out(), '', name);
    }
  });

  it('pass an empty file on', async () => {
    for (const text of ['', '# nothing\n', '---\n']) {
      const done = await type({}, text, 'inject', '-');
      assert.equal(done.code, EXIT.ok);
      assert.match(done.err(), /nothing was changed/);
    }
  });
});
