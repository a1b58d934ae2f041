import assert from 'node:assert/strict';
import { cli } from '../shared/cli.ts';
import { fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { testIo } from '../testing/io.ts';

const MANIFESTS = ['web', 'books'].map((name) => `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: bookshop}\nspec: {}`);

describe('completion', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster(...MANIFESTS, 'apiVersion: v1\nkind: Namespace\nmetadata: {name: bookshop}');
  });
  afterEach(() => cluster.close());

  const complete = async (...words: string[]): Promise<string[]> => {
    const io = testIo();
    assert.equal(await cli(['__complete', ...words], io, cluster.deps), 0);
    return io.out().trimEnd().split('\n').map((line) => line.split('\t')[0]!);
  };

  it('offers commands, flags, values and kinds', async () => {
    assert.deepEqual(await complete('un'), ['uninject', 'uninstall', ':4']);
    assert.ok((await complete('')).includes('stat'));
    assert.deepEqual(await complete('stat', '--all'), ['--all-namespaces', ':4']);
    assert.deepEqual(await complete('stat', '-o', ''), ['table', 'wide', 'json', 'yaml', ':4']);
    assert.deepEqual(await complete('tap', 'de'), ['deploy', ':4']);
    assert.deepEqual(await complete('completion', 'z'), ['zsh', ':4']);
  });

  it('offers names from the cluster', async () => {
    assert.deepEqual(await complete('stat', '-n', 'book'), ['bookshop', ':4']);
    assert.deepEqual(await complete('stat', '-n', 'bookshop', 'deploy/'), ['deploy/web', 'deploy/books', ':4']);
    assert.deepEqual(await complete('tap', '--namespace=bookshop', 'deploy', 'w'), ['web', ':4']);
    assert.deepEqual(await complete('tap', 'deploy/web', '-n', 'bookshop', '--to', 'deploy/b'), ['deploy/books', ':4']);
  });

  it('leaves files to the shell', async () => {
    assert.deepEqual(await complete('inject', ''), [':0']);
  });

  it('offers nothing where nothing fits, whatever is typed', async () => {
    for (const words of [['nope', ''], ['stat', 'nope/'], ['stat', '--kubeconfig', ''], ['version', '']]) assert.deepEqual(await complete(...words), [':4'], words.join(' '));
  });

  it('is a script for every shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish', 'powershell', 'kubectl']) {
      const io = testIo();
      assert.equal(await cli(['completion', shell], io, cluster.deps), 0);
      assert.match(io.out(), /kubectl-mesh __complete/);
    }
  });
});
