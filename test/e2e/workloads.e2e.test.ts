import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { INJECT } from '../../api/annotations.ts';
import { GROUP } from '../../api/names.ts';
import { apply, dropNamespaces, identityOf, inPod, isMeshed, isReady, pods, proxyMetrics, total, waitFor } from './steps.ts';
import { IDLE, kube, MESHED, namespace, nodeContainer, PROBE_NAMESPACE, type Thing } from './world.ts';

const JOB = 'report-meshed';

async function sample(): Promise<Thing[]> {
  const text = await readFile(join(import.meta.dirname, '..', 'sample', 'manifests.yaml'), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Thing);
}

/** The pod template of a workload. */
const template = (thing: Thing): { metadata: Thing['metadata'] } => (thing['spec'] as { template: { metadata: Thing['metadata'] } }).template;

/** Requests that the pods of a Deployment of the sample got from a client, over mutual TLS. */
async function requestsFrom(client: string, app: string): Promise<number> {
  const servers = (await pods('bookshop', `app=${app}`)).filter(isReady);
  const metrics = await Promise.all(servers.map((pod) => proxyMetrics('bookshop', pod.metadata.name)));
  return total(metrics.flat(), 'request_total', { direction: 'inbound', tls: 'true', client_id: client });
}

describe('workloads', () => {
  after(async () => {
    await kube().must('delete the Job', ['delete', 'job', JOB, '-n', 'bookshop', '--ignore-not-found', '--wait=false']);
    await dropNamespaces('init', 'strict');
  });

  it('a meshed Job completes by itself', async () => {
    const job = (await sample()).find(({ kind }) => kind === 'Job')!;
    const before = await requestsFrom(identityOf('report', 'bookshop'), 'books');
    job.metadata.name = JOB;
    template(job).metadata = { ...template(job).metadata, labels: { app: JOB }, annotations: { [INJECT]: 'enabled' } };
    await apply(job);
    await kube().must('see the Job complete', ['wait', '--for=condition=complete', `job/${JOB}`, '-n', 'bookshop', '--timeout=120s']);
    const [pod] = await waitFor('the end of its pod', async () => {
      const found = await pods('bookshop', `app=${JOB}`);
      return found[0]?.status.phase === 'Succeeded' && found;
    });
    assert.ok(isMeshed(pod!));
    assert.equal(pod!.status.initContainerStatuses?.find((c) => c.name === 'mesh-proxy')?.state.terminated?.exitCode, 0);
    assert.ok(await requestsFrom(identityOf('report', 'bookshop'), 'books') > before, 'books saw no request of the identity of the Job');
  });

  it('init containers reach meshed services, as the pod\'s identity', async () => {
    const fetching = "const r = await fetch('http://web.bookshop/bytes?n=10'); if (r.status !== 200 || (await r.arrayBuffer()).byteLength !== 10) process.exit(1);";
    await apply(
      namespace('init'),
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'early', namespace: 'init' } },
      {
        apiVersion: 'v1', kind: 'Pod', metadata: { name: 'early', namespace: 'init', annotations: { [INJECT]: 'enabled' } },
        spec: { serviceAccountName: 'early', restartPolicy: 'Never', initContainers: [nodeContainer('fetch', fetching)], containers: [nodeContainer('probe', IDLE)] },
      },
    );
    await kube().must('see the pod ready', ['wait', '--for=condition=Ready', 'pod/early', '-n', 'init', '--timeout=120s']);
    assert.equal(await requestsFrom(identityOf('early', 'init'), 'web'), 1);
  });

  it('probes of the kubelet pass, by HTTP, gRPC and TCP', async () => {
    for (const app of ['web', 'books', 'reviews', 'quotes', 'flaky', 'load']) {
      const found = (await pods('bookshop', `app=${app}`)).filter((pod) => pod.status.phase === 'Running');
      assert.ok(found.length > 0 && found.every(isMeshed) && found.every(isReady), app);
      for (const pod of found) assert.deepEqual(pod.status.containerStatuses?.map((c) => [c.name, c.ready, c.restartCount]), [[app, true, 0]]);
    }
  });

  it('probes pass where everything else is denied', async () => {
    const names = ['flaky', 'books', 'reviews'];
    const things = (await sample()).filter(({ metadata }) => names.includes(metadata.name));
    for (const thing of things) {
      thing.metadata.namespace = 'strict';
      if (thing.kind !== 'Deployment') continue;
      (thing['spec'] as { replicas: number }).replicas = 1;
      template(thing).metadata.annotations = { [INJECT]: 'enabled', [`${GROUP}/default-inbound-policy`]: 'deny' };
    }
    await apply(namespace('strict'), ...things);
    for (const name of names) await kube().must(`see ${name} ready`, ['rollout', 'status', `deploy/${name}`, '-n', 'strict', '--timeout=120s']);
    assert.equal(await inPod(PROBE_NAMESPACE, MESHED, "console.log((await fetch('http://flaky.strict/')).status)"), 403);
  });
});
