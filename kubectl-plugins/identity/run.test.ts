import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import type { IdentityStatus } from '../../api/identity-status.ts';
import type { Pod } from '../../lib/kube/types.ts';
import { cli } from '../shared/cli.ts';
import { EXIT } from '../shared/exit.ts';
import { fail, fakeCluster, send, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { identityStatusOf, tellIdentity } from '../testing/identity.ts';
import { realIssuer } from '../testing/installed.ts';
import { testIo, type TestIo } from '../testing/io.ts';

const pod = (name: string, port?: number, container = 'mesh-proxy'): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' } },
  spec: { containers: [], initContainers: [{ name: container, ...(port && { ports: [{ name: 'mesh-admin', containerPort: port }] }) }] }, status: { phase: 'Running' },
});

describe('kubectl mesh identity', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster();
  });
  afterEach(() => cluster.close());

  const type = async (argv: string[], io = testIo()): Promise<TestIo & { code: number }> => Object.assign(io, { code: await cli(['identity', ...argv], io, cluster.deps) });
  const rotating: Partial<IdentityStatus> = {
    phase: 'Distributing', since: '2026-01-02T00:00:00Z', reason: 'asked for', next: { what: 'issuer under the new anchor', at: '2026-01-02T00:10:00Z' },
    waitingFor: { count: 12, pods: ['shop/web-1: has not read the new trust anchors yet', 'shop/web-2: cannot be asked (connect ETIMEDOUT)'] },
  };

  it('shows anchors, issuer and what comes next', async () => {
    tellIdentity(cluster, identityStatusOf());
    const { code, out } = await type([]);
    assert.equal(code, EXIT.ok);
    matchesGolden(import.meta, 'stable.txt', out());
  });

  it('shows how far a rotation is and whom it waits for', async () => {
    const [active] = identityStatusOf().anchors;
    tellIdentity(cluster, identityStatusOf({ ...rotating, anchors: [active!, { ...active!, role: 'next', fingerprint: 'c3'.repeat(32) }], error: 'Secret mesh-identity-root has no tls.key' }));
    matchesGolden(import.meta, 'rotating.txt', (await type([])).out());
    tellIdentity(cluster, identityStatusOf({ authority: 'given' }));
    assert.match((await type([])).out(), /not by the mesh/);
  });

  it('asks every proxy for its certificate, in a table or as data', async () => {
    const { certificate, anchors } = await realIssuer();
    const fingerprint = new X509Certificate(anchors).fingerprint256.replaceAll(':', '').toLowerCase();
    const [active] = identityStatusOf().anchors;
    tellIdentity(cluster, identityStatusOf({ anchors: [{ ...active!, fingerprint }] }));
    cluster.put(pod('web-1'), pod('web-2', 9191), pod('web-3'), pod('web-4'), pod('web-5', undefined, 'linkerd-proxy'));
    const path = (name: string, port = 4191): string => `GET /api/v1/namespaces/shop/pods/${name}:${port}/proxy/identity`;
    const identity = 'web.shop.serviceaccount.identity.mesh-system.cluster.local';
    cluster.on(path('web-1'), (_, response) => send(response, 200, { identity, chain: certificate + anchors, anchors }));
    cluster.on(path('web-2', 9191), (_, response) => send(response, 200, { identity, chain: certificate, anchors: certificate }));
    cluster.on(path('web-3'), (_, response) => fail(response, 503, 'ServiceUnavailable', 'error trying to reach service: dial tcp 10.1.0.9:4191: connect: connection refused'));
    cluster.on(path('web-4'), (_, response) => send(response, 200, { identity: '', chain: '', anchors }));
    const { out } = await type(['-n', 'shop']);
    const lines = out().split('\n').slice(5).map((line) => line.replaceAll(/[0-9a-f]{12}/g, 'FINGERPRINT').replaceAll(/ {2,}/g, '  '));
    matchesGolden(import.meta, 'proxies.txt', lines.join('\n'));
    const asData = JSON.parse((await type(['-A', '-o', 'json'])).out()) as IdentityStatus & { proxies: { pod: string; anchors: string[]; issuer: string }[] };
    assert.deepEqual(asData.proxies.map((p) => p.pod), ['web-1', 'web-2', 'web-3', 'web-4', 'web-5']);
    assert.deepEqual([asData.proxies[0]!.anchors, asData.proxies[0]!.issuer], [[fingerprint], fingerprint]);
    assert.equal(asData.phase, 'Stable');
    assert.match((await type(['-A', '-o', 'yaml'])).out(), /^authority: automatic\nphase: Stable\n/);
  });

  it('asks for a rotation, and waits for it when told to', async () => {
    tellIdentity(cluster, identityStatusOf());
    const asked = await type(['rotate', 'issuer']);
    assert.equal(asked.code, EXIT.ok);
    assert.match(asked.err(), /Asked for a new issuer\. Watch it/);
    const asData = await type(['rotate', 'issuer', '-o', 'json']);
    assert.equal((JSON.parse(asData.out()) as IdentityStatus).phase, 'Stable');
    const request = (what: string): string => cluster.find('configmaps/mesh-system/mesh-identity-status')!.metadata.annotations![`kubectl-mesh.io/rotate-${what}`]!;
    assert.match(request('issuer'), /^20\d\d-/);
    const io = testIo({
      onSleep: (elapsed) => {
        if (elapsed > 3000) tellIdentity(cluster, identityStatusOf({ ...rotating, handled: { anchor: request('anchor') } }));
        if (elapsed > 6000) tellIdentity(cluster, identityStatusOf({ phase: 'Retiring', handled: { anchor: request('anchor') } }));
      },
    });
    const waited = await type(['rotate', 'anchor', '--wait'], io);
    assert.equal(waited.code, EXIT.ok, waited.err());
    assert.match(waited.err(), /√ Rotating the trust anchor.*\n.*The old one is retired when/);
  });

  it('says in words why it does not rotate', async () => {
    tellIdentity(cluster, identityStatusOf({ ...rotating }));
    assert.match((await type(['rotate', 'anchor'])).err(), /It begins when the rotation that runs \(Distributing\) is over/);
    const late = await type(['rotate', 'anchor', '--wait', '--timeout', '5s']);
    assert.equal(late.code, EXIT.failed);
    assert.match(late.err(), /it is Distributing, and waits for shop\/web-1: has not read/);
    tellIdentity(cluster, identityStatusOf({ authority: 'given' }));
    assert.match((await type(['rotate', 'issuer'])).err(), /are given, so it cannot rotate them/);
    cluster.objects.clear();
    assert.match((await type([])).err(), /The mesh is not installed/);
    cluster.put('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mesh-identity-status, namespace: mesh-system}');
    assert.match((await type([])).err(), /has not said anything yet/);
    for (const [argv, message] of [
      [['rotat'], /knows "rotate" and not "rotat"/], [['rotate'], /takes "issuer" or "anchor"/], [['rotate', 'root'], /not "root"/],
      [['rotate', 'issuer', '-A'], /leave out -n and -A/], [['-l', 'app=web'], /add one of the two/], [['--wait'], /goes with "identity rotate"/],
    ] as const) {
      const { code, err } = await type([...argv]);
      assert.equal(code, EXIT.usage);
      assert.match(err(), message);
    }
  });
});
