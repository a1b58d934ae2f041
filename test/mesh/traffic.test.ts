import assert from 'node:assert/strict';
import type { Exec } from '../cluster/exec.ts';
import { kubeFor, type Kube } from './kube.ts';
import { awaitNothing, missing, SAMPLE_EDGES, type EdgeRow, type StatRow } from './traffic.ts';

const edge = (pair: string, more: Partial<EdgeRow> = {}): EdgeRow => {
  const [src, dst] = pair.split('>') as [string, string];
  return { src, dst, src_namespace: 'bookshop', dst_namespace: 'bookshop', client_id: '', server_id: '', secured: true, no_tls_reason: '', ...more };
};
const row = (name: string, rps: number | null): Partial<StatRow> => ({ name, rps });

function answering(edges: EdgeRow[], stat: Partial<StatRow>[]): Promise<Kube> {
  const run: Exec = (_, args) => Promise.resolve({ code: 0, stdout: JSON.stringify(args[1] === 'edges' ? edges : stat), stderr: '' });
  return kubeFor({ provider: 'local', name: 'c', kubeconfigPath: '/k', kubectl: 'kubectl', nodes: () => Promise.resolve([]), loadImage: () => Promise.resolve() }, '/', {}, run);
}

const busy = ['web', 'books', 'reviews', 'flaky'].map((name) => row(name, 1));

describe('what is missing in the figures of the sample', () => {
  it('is nothing when every connection is secured and every server has requests', async () => {
    assert.equal(await missing(await answering(SAMPLE_EDGES.map((pair) => edge(pair)), busy)), '');
  });

  it('is told: connections, their security, requests', async () => {
    assert.match(await missing(await answering([edge('load>web')], busy)), /no connection .* load>flaky, load>quotes, web>books, web>reviews$/);
    const open = [...SAMPLE_EDGES.map((pair) => edge(pair)), edge('load>web', { secured: false, no_tls_reason: 'because' })];
    assert.equal(await missing(await answering(open, busy)), 'not secured: load>web (because)');
    assert.match(await missing(await answering(SAMPLE_EDGES.map((pair) => edge(pair)), [row('web', 2), row('books', null)])), /books, reviews, flaky$/);
  });
});

describe('awaitNothing', () => {
  it('asks until nothing is missing, and gives up with the last answer', async () => {
    let now = 0;
    const sleep = (ms: number): Promise<void> => Promise.resolve(void (now += ms));
    const answers = ['much', 'little', ''];
    await awaitNothing(() => Promise.resolve(answers.shift()!), 10_000, sleep, () => now);
    assert.equal(answers.length, 0);
    await assert.rejects(awaitNothing(() => Promise.resolve('web is silent'), 5000, sleep, () => now), /^MeshError: After 5 s web is silent\. /);
  });
});
