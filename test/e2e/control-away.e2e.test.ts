import assert from 'node:assert/strict';
import { CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE, IDENTITY_WORKLOAD } from '../../api/names.ts';
import { awaitRollouts } from '../mesh/sample.ts';
import { openLongLived, type LongLived } from './long-lived.ts';
import { apply, dropNamespaces, identityOf, inPod, isMeshed, loadGoesOn, loadTotals, pods, proxyMetrics, total, waitFor, waitReady } from './steps.ts';
import { idlePod, kube, MESHED, namespace, PROBE_NAMESPACE } from './world.ts';

const NAMESPACE = 'without-control';
const WORKLOADS = [IDENTITY_WORKLOAD, CONTROL_WORKLOAD];
const NEW_CONNECTIONS = 20;

/** Opens TCP connections one after the other, each of which is a TLS connection of its own between the proxies; prints how many got their banner. */
const BANNERS = `
import { connect } from 'node:net';
let got = 0;
for (let i = 0; i < ${NEW_CONNECTIONS}; i++) {
  got += await new Promise((resolve) => {
    const socket = connect(1717, 'quotes.bookshop');
    socket.setTimeout(5000, () => socket.destroy());
    socket.once('data', (text) => { resolve(/^BOOKSHOP/.test(text) ? 1 : 0); socket.destroy(); });
    socket.once('close', () => resolve(0));
    socket.once('error', () => resolve(0));
  });
}
console.log(JSON.stringify(got));
`;

async function scale(replicas: number): Promise<void> {
  await kube().must('scale the control plane', ['scale', ...WORKLOADS.map((name) => `deploy/${name}`), `--replicas=${replicas}`, '-n', DEFAULT_CONTROL_NAMESPACE]);
}

const callWeb = (namespace: string, pod: string): Promise<number> => inPod(namespace, pod, "console.log((await fetch('http://web.bookshop/')).status)");

describe('with every control-plane pod gone', () => {
  let socket: LongLived;

  before(async () => {
    socket = await openLongLived();
    await inPod(PROBE_NAMESPACE, MESHED, BANNERS);
    await scale(0);
    await waitFor('the end of the control plane', async () => (await kube().must('list its pods', ['get', 'pods', '-n', DEFAULT_CONTROL_NAMESPACE, '-o', 'name'])).trim() === '');
  });
  after(async () => {
    socket.end();
    await scale(1);
    await awaitRollouts(kube(), WORKLOADS, DEFAULT_CONTROL_NAMESPACE);
    await dropNamespaces(NAMESPACE);
  });

  it('connections that exist go on', async () => {
    await socket.echoes('still there');
    const before = await loadTotals();
    await loadGoesOn(30);
    const after = await loadTotals();
    for (const target of ['web', 'flaky', 'quotes'] as const) assert.equal(after[target].failed, before[target].failed, `${target}: ${JSON.stringify(after[target].reasons)}`);
  });

  it('new connections are made, over mutual TLS', async () => {
    const toQuotes = { direction: 'outbound', peer: 'dst', tls: 'true', server_id: identityOf('quotes', 'bookshop') };
    const before = total(await proxyMetrics(PROBE_NAMESPACE, MESHED), 'tcp_open_total', toQuotes);
    assert.equal(await inPod(PROBE_NAMESPACE, MESHED, BANNERS), NEW_CONNECTIONS);
    const after = total(await proxyMetrics(PROBE_NAMESPACE, MESHED), 'tcp_open_total', toQuotes);
    assert.ok(after - before >= NEW_CONNECTIONS, `${after - before} were secured`);
    assert.equal(await callWeb(PROBE_NAMESPACE, MESHED), 200);
  });

  it('pods outside of the mesh start, and one that asks for the mesh does not start without it', async () => {
    await apply(namespace(NAMESPACE), ...idlePod(NAMESPACE, 'outside', false));
    await waitReady(NAMESPACE, 'outside');
    const refused = await kube().kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: idlePod(NAMESPACE, 'inside', true) }) });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /failed calling webhook "pod\.inject\.kubectl-mesh\.io"/);
  });

  it('the plugin says that the control plane is away', async () => {
    const { code, stdout, stderr } = await kube().kubectl(['mesh', 'stat', 'deploy', '-n', 'bookshop']);
    assert.notEqual(code, 0);
    assert.equal(stdout, '');
    assert.match(stderr, /^error: .*kubectl mesh check/s);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });

  it('all recovers when it returns', async () => {
    await scale(1);
    await awaitRollouts(kube(), WORKLOADS, DEFAULT_CONTROL_NAMESPACE);
    await waitFor('a new pod to be admitted', async () => {
      await apply(...idlePod(NAMESPACE, 'returned', true));
      return true;
    });
    await waitReady(NAMESPACE, 'returned');
    const [pod] = await pods(NAMESPACE, 'app=returned');
    assert.ok(isMeshed(pod!));
    assert.equal(await callWeb(NAMESPACE, 'returned'), 200);
    const metrics = await proxyMetrics(NAMESPACE, 'returned');
    assert.ok(total(metrics, 'request_total', { direction: 'outbound', tls: 'true', server_id: identityOf('web', 'bookshop') }) >= 1);
    await socket.echoes('and after');
    await waitFor('figures', async () => (await kube().kubectl(['mesh', 'stat', 'deploy', '-n', 'bookshop'])).code === 0);
    const check = await kube().kubectl(['mesh', 'check', '-o', 'short']);
    assert.equal(check.code, 0, check.stdout + check.stderr);
  });
});
