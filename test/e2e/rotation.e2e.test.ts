import assert from 'node:assert/strict';
import { CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE, IDENTITY_WORKLOAD } from '../../api/names.ts';
import type { IdentityStatus } from '../../api/identity-status.ts';
import { awaitRollouts, restartSample, SAMPLE_NAMESPACE } from '../mesh/sample.ts';
import { apply, dropNamespaces, identityOf, inPod, isReady, loadGoesOn, loadTotals, pods, proxyMetrics, total, waitFor, waitReady, type Totals } from './steps.ts';
import { idlePod, kube, MESHED, namespace, PROBE_NAMESPACE } from './world.ts';

const NAMESPACE = 'rotation-check';
/** Everything is rotated several times within minutes; the phases wait for the kubelet's refresh of the mounted bundle all the same. */
const SHORT_LIVES = ['--issuance-lifetime', '1m', '--issuer-lifetime', '3m', '--anchor-lifetime', '1h', '--rotation-patience', '10m'];
const ROTATION_MS = 600_000;

interface Proxy { namespace: string; pod: string; identity: string; notAfter: string; issuer: string; anchors: string[]; error?: string }
type Seen = IdentityStatus & { proxies?: Proxy[] };

async function install(...flags: string[]): Promise<void> {
  await kube().must('install with other lifetimes', ['mesh', 'install', '--force', ...flags]);
}

const look = async (...args: string[]): Promise<Seen> => JSON.parse(await kube().must('look at the identity', ['mesh', 'identity', '-o', 'json', ...args])) as Seen;

/** Pods that run since before, by name and UID, with their restarts. */
async function running(): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for (const ns of [SAMPLE_NAMESPACE, PROBE_NAMESPACE]) {
    for (const { metadata, status } of await pods(ns)) {
      const statuses = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
      seen.set(`${ns}/${metadata.name}`, statuses.reduce((sum, s) => sum + s.restartCount, 0));
    }
  }
  return seen;
}

describe('rotation of issuer and trust anchor under load', () => {
  let start: { totals: Record<'web' | 'flaky' | 'quotes', Totals>; pods: Map<string, number> };

  before(async function () {
    this.timeout(ROTATION_MS);
    await install(...SHORT_LIVES);
    // Certificates of a day would have to run out before an anchor may go.
    await restartSample(kube());
    await kube().must('replace the pod', ['delete', 'pod', MESHED, '-n', PROBE_NAMESPACE]);
    await awaitRollouts(kube());
    await apply(namespace(NAMESPACE), ...idlePod(PROBE_NAMESPACE, MESHED, true));
    await waitReady(PROBE_NAMESPACE, MESHED);
    await waitFor('the pods of before to be gone', async () => {
      const { items } = await kube().json<{ items: unknown[] }>('list pods', ['get', 'pods', '-n', SAMPLE_NAMESPACE]);
      return items.length === (await pods(SAMPLE_NAMESPACE)).length;
    });
    await loadGoesOn(20);
    start = { totals: await loadTotals(), pods: await running() };
  });
  after(async function () {
    this.timeout(ROTATION_MS);
    await dropNamespaces(NAMESPACE);
    await install();
    await awaitRollouts(kube(), [IDENTITY_WORKLOAD, CONTROL_WORKLOAD], DEFAULT_CONTROL_NAMESPACE);
  });

  async function nothingFailed(): Promise<void> {
    const now = await loadTotals();
    for (const target of ['web', 'flaky', 'quotes'] as const) {
      assert.equal(now[target].failed, start.totals[target].failed, `${target}: ${JSON.stringify(now[target].reasons)}`);
      assert.ok(now[target].ok > start.totals[target].ok);
    }
    assert.deepEqual(await running(), start.pods, 'no pod is replaced and nothing restarts');
  }

  /** Waits for the phase, with what was seen last in the message of a failure. */
  async function until(what: string, holds: (seen: Seen) => boolean): Promise<Seen> {
    let last: Seen | undefined;
    try {
      return await waitFor(what, async () => {
        last = await look();
        return holds(last) && last;
      }, ROTATION_MS);
    } catch (error) {
      throw new Error(`${(error as Error).message}; last seen: ${JSON.stringify(last)}`, { cause: error });
    }
  }

  async function everybodyFollowed(seen: Seen): Promise<void> {
    const [anchor] = seen.anchors;
    assert.deepEqual(seen.anchors.map((a) => a.role), ['active']);
    await waitFor('every proxy to trust the new anchor alone', async () => {
      const { proxies } = await look('-A');
      assert.ok(proxies!.length >= 8);
      for (const p of proxies!) assert.deepEqual([p.pod, p.error, p.anchors], [p.pod, undefined, [anchor!.fingerprint]]);
      return true;
    }, ROTATION_MS);
  }

  it('a rotation that is asked for reaches everybody, with a pod started and the leader killed in the middle of it', async function () {
    this.timeout(ROTATION_MS * 2);
    const old = await until('rest', (s) => s.phase === 'Stable');
    await kube().must('ask for a rotation', ['mesh', 'identity', 'rotate', 'anchor']);
    const both = await until('both anchors in the bundle', (s) => s.phase === 'Distributing');
    assert.deepEqual(both.anchors.map((a) => a.role), ['active', 'next']);
    await apply(...idlePod(NAMESPACE, 'started-between', true));
    await waitReady(NAMESPACE, 'started-between');
    assert.equal(await inPod(NAMESPACE, 'started-between', "console.log((await fetch('http://web.bookshop/')).status)"), 200);
    await kube().must('kill mesh-identity', ['delete', 'pods', '-n', DEFAULT_CONTROL_NAMESPACE, '-l', 'kubectl-mesh.io/component=identity', '--grace-period=0', '--force']);
    await until('the old anchor to be retired', (s) => s.phase === 'Retiring');
    assert.equal(await inPod(NAMESPACE, 'started-between', "console.log((await fetch('http://web.bookshop/')).status)"), 200);
    const rest = await until('the end of the rotation', (s) => s.phase === 'Stable');
    assert.notEqual(rest.anchors[0]!.fingerprint, old.anchors[0]!.fingerprint);
    await everybodyFollowed(rest);
    await nothingFailed();
  });

  it('a second rotation works like the first, and issuers are renewed by themselves meanwhile', async function () {
    this.timeout(ROTATION_MS * 2);
    const old = await until('rest', (s) => s.phase === 'Stable');
    const issuers = new Set<string>([old.issuer!.fingerprint]);
    await kube().must('rotate and wait', ['mesh', 'identity', 'rotate', 'anchor', '--wait']);
    const rest = await until('the end of the rotation and three issuers', (s) => {
      issuers.add(s.issuer!.fingerprint);
      return s.phase === 'Stable' && issuers.size >= 3;
    });
    assert.notEqual(rest.anchors[0]!.fingerprint, old.anchors[0]!.fingerprint);
    await everybodyFollowed(rest);
    const toWeb = total(await proxyMetrics(NAMESPACE, 'started-between'), 'request_total', { direction: 'outbound', tls: 'true', server_id: identityOf('web', SAMPLE_NAMESPACE) });
    assert.ok(toWeb >= 2, 'calls are secured');
    const [pod] = await pods(NAMESPACE, 'app=started-between');
    assert.ok(isReady(pod!));
    await nothingFailed();
    const check = await kube().kubectl(['mesh', 'check', '-o', 'short']);
    assert.equal(check.code, 0, check.stdout + check.stderr);
  });

  it('is told in events', async () => {
    const { items } = await kube().json<{ items: { reason: string; type: string }[] }>('list events', ['get', 'events', '-n', DEFAULT_CONTROL_NAMESPACE, '--field-selector', `involvedObject.name=${IDENTITY_WORKLOAD}`]);
    const reasons = new Set(items.map((e) => e.reason));
    for (const reason of ['AnchorRotationStarted', 'IssuerRotated', 'AnchorRetired']) assert.ok(reasons.has(reason), `${reason} is not among ${[...reasons].join(', ')}`);
    assert.ok(!reasons.has('RotationFailed'));
  });
});
