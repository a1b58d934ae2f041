import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { imageRef } from '../../api/version.ts';

interface Container { name: string; image: string; imagePullPolicy: string; args: string[]; env?: { name: string; value: string }[]; securityContext: object }
interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: {
    ports?: { port: number }[];
    template?: { spec: { serviceAccountName: string; securityContext: { runAsNonRoot: boolean }; containers: Container[]; initContainers?: Container[] } };
  };
}

const manifests = parseAllDocuments(readFileSync(new URL('./manifests.yaml', import.meta.url), 'utf8')).map((d) => {
  assert.deepEqual(d.errors, []);
  return d.toJS() as Manifest;
});
const of = (kind: string) => manifests.filter((m) => m.kind === kind);

describe('sample manifests', () => {
  it('have every role, each with an account of its own, all in one namespace', () => {
    const workloads = [...of('Deployment'), ...of('Job')];
    assert.deepEqual(workloads.map((w) => w.metadata.name), ['web', 'books', 'reviews', 'quotes', 'flaky', 'load', 'report']);
    for (const w of workloads) {
      assert.equal(w.spec.template!.spec.serviceAccountName, w.metadata.name);
      assert.deepEqual(w.spec.template!.spec.containers.map((c) => c.args), [[w.metadata.name]]);
    }
    assert.deepEqual(of('ServiceAccount').map((s) => s.metadata.name), workloads.map((w) => w.metadata.name));
    for (const m of manifests) assert.equal(m.metadata.namespace, m.kind === 'Namespace' ? undefined : 'bookshop');
  });

  it('run this version of the image, locked down', () => {
    for (const w of [...of('Deployment'), ...of('Job')]) {
      const pod = w.spec.template!.spec;
      assert.equal(pod.securityContext.runAsNonRoot, true);
      for (const c of [...pod.containers, ...(pod.initContainers ?? [])]) {
        assert.equal(c.image, imageRef('sample'));
        assert.equal(c.imagePullPolicy, 'IfNotPresent');
        assert.deepEqual(c.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
      }
    }
  });

  it('point every address at a Service and port that exist', () => {
    const ports = new Map(of('Service').map((s) => [s.metadata.name, s.spec.ports!.map((p) => p.port)]));
    const addresses = [...of('Deployment'), ...of('Job')].flatMap((w) => [...w.spec.template!.spec.containers, ...(w.spec.template!.spec.initContainers ?? [])])
      .flatMap((c) => c.env ?? []).filter((e) => ['BOOKS', 'REVIEWS', 'QUOTES', 'WEB', 'FLAKY'].includes(e.name)).map((e) => e.value);
    assert.ok(addresses.length >= 8);
    for (const address of addresses) {
      const url = new URL(address.startsWith('http') ? address : `tcp://${address}`);
      assert.ok(ports.get(url.hostname)?.includes(Number(url.port || 80)), address);
    }
  });
});
