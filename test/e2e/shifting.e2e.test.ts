import assert from 'node:assert/strict';
import { INJECT } from '../../api/annotations.ts';
import { imageRef } from '../../api/version.ts';
import { exec } from '../cluster/exec.ts';
import { applyGatewayApi } from '../gateway-api/module.ts';
import { apply, dropNamespaces, inPod, proxyMetrics, total, waitFor } from './steps.ts';
import { kube, MESHED, namespace, nodeContainer, PROBE_NAMESPACE, type Thing } from './world.ts';

const NAMESPACE = 'shifting';
/** Three images with Node in them stand for three versions of one application. */
const [OLD, GOOD, BAD] = [imageRef('sample'), imageRef('control'), imageRef('proxy')];

/** Says which image it is of, by what is in it; that of the proxies is a broken version. */
const SERVER = `
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
const version = ['sample', 'control', 'proxy'].find((name) => existsSync('/app/' + name + '.mjs'));
createServer((req, res) => res.writeHead(version === 'proxy' && req.url !== '/ready' ? 500 : 200).end(version)).listen(8080);
for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => setTimeout(() => process.exit(0), 3000));
`;

/** Asks again and again, and counts the answers by status and body, until it has been told to stop. */
const LOAD = `
const [url, ms] = process.argv.slice(2);
const counts = {};
const until = Date.now() + Number(ms);
while (Date.now() < until) {
  const key = await fetch(url).then(async (r) => r.status + ' ' + await r.text(), (e) => 'failed ' + e.message);
  counts[key] = (counts[key] ?? 0) + 1;
  await new Promise((r) => setTimeout(r, 20));
}
process.stdout.write(JSON.stringify(counts), () => process.exit(0));
`;

/** Prints the versions that answer a few requests with the header of a beta, and a few without. */
const BETA = `
const seen = { beta: new Set(), others: new Set() };
for (let i = 0; i < 5; i++) {
  for (const [who, headers] of [['beta', { 'x-beta': 'yes' }], ['others', {}]]) seen[who].add(await (await fetch('http://shop.${NAMESPACE}/', { headers })).text());
}
process.stdout.write(JSON.stringify([[...seen.beta].join(), [...seen.others].join()]), () => process.exit(0));
`;

const load = (seconds: number): Promise<Record<string, number>> => inPod(PROBE_NAMESPACE, MESHED, LOAD, `http://shop.${NAMESPACE}/`, String(seconds * 1000));
const sum = (counts: Record<string, number>, prefix: string): number => Object.entries(counts).filter(([key]) => key.startsWith(prefix)).reduce((all, [, n]) => all + n, 0);

const shop: Thing[] = [
  {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'shop', namespace: NAMESPACE },
    spec: {
      replicas: 2, selector: { matchLabels: { app: 'shop' } },
      template: {
        metadata: { labels: { app: 'shop' }, annotations: { [INJECT]: 'enabled' } },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [nodeContainer('server', SERVER, {
            ports: [{ containerPort: 8080 }], readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1 },
            securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 1000, capabilities: { drop: ['ALL'] } },
          })],
        },
      },
    },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'shop', namespace: NAMESPACE }, spec: { selector: { app: 'shop' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } },
];

const imageOf = (deployment: string): Promise<string> => kube().must('read the image', ['get', 'deploy', deployment, '-n', NAMESPACE, '-o', 'jsonpath={.spec.template.spec.containers[0].image}']);
const named = async (kinds: string): Promise<string[]> => (await kube().must('list', ['get', kinds, '-n', NAMESPACE, '-o', 'name'])).trim().split('\n').filter((line) => line !== '').sort();

describe('shifting traffic', () => {
  before(async () => {
    await applyGatewayApi(kube(), exec, 'experimental');
    await kube().must('install the mesh with canaries', ['mesh', 'install', '--force', '--canary']);
    await apply(namespace(NAMESPACE), ...shop);
    await kube().must('see the shop ready', ['rollout', 'status', 'deploy/shop', '-n', NAMESPACE, '--timeout=120s']);
  });
  after(() => dropNamespaces(NAMESPACE));

  it('a fault fails a share of the requests, for as long as it is asked to', async () => {
    const before = total(await proxyMetrics(PROBE_NAMESPACE, MESHED), 'outbound_http_faults_injected_total', {});
    await kube().must('inject a fault', ['mesh', 'fault', 'svc/shop', '-n', NAMESPACE, '--abort', '503', '--percent', '50', '--for', '30s']);
    await waitFor('the fault at the client', async () => sum(await load(1), '503') > 0);
    const loading = load(8);
    const tapped = await kube().must('tap', ['mesh', 'tap', `po/${MESHED}`, '-n', PROBE_NAMESPACE, '--status', '5xx', '--limit', '1']);
    assert.match(tapped, /^req .* :authority=shop\.shifting .*injected=abort$/m);
    const counts = await loading;
    const [failed, all] = [sum(counts, '503'), sum(counts, '')];
    assert.ok(Math.abs(failed - all / 2) < 5 * Math.sqrt(all / 4), JSON.stringify(counts));
    assert.ok(total(await proxyMetrics(PROBE_NAMESPACE, MESHED), 'outbound_http_faults_injected_total', {}) - before >= failed);
    const stat = await waitFor('the fault in the figures', async () => {
      const table = await kube().must('stat', ['mesh', 'stat', 'svc', '-n', NAMESPACE]);
      return table.includes('ABORTED') && table;
    });
    assert.match(stat, /^NAME .* ABORTED +DELAYED\nshop .* [\d.]+rps +-$/m);
    await waitFor('the end of the fault', async () => sum(await load(1), '503') === 0);
    await kube().must('clear up', ['mesh', 'fault', 'svc/shop', '-n', NAMESPACE, '--remove']);
  });

  it('a good canary gets more and more of the traffic, and is promoted', async () => {
    const running = load(70);
    const out = await kube().must('run a canary', ['mesh', 'canary', 'deploy/shop', '-n', NAMESPACE, '--image', GOOD, '--steps', '20,60', '--interval', '10s', '--min-requests', '5']);
    assert.match(out, /Progressing\s+20%.*\n(.*\n)*Progressing\s+60%.*\n(.*\n)*Succeeded/);
    assert.equal(await imageOf('shop'), GOOD);
    const counts = await running;
    assert.equal(sum(counts, ''), sum(counts, '200'), JSON.stringify(counts));
    assert.ok(counts['200 sample']! > 0 && counts['200 control']! > 0, JSON.stringify(counts));
    await waitFor('the canary cleared up', async () => (await named('deploy,svc,httproute')).join() === 'deployment.apps/shop,service/shop');
  });

  it('a bad canary is rolled back before many notice', async () => {
    await kube().must('go back to the old version', ['set', 'image', 'deploy/shop', `server=${OLD}`, '-n', NAMESPACE]);
    await kube().must('see the shop ready', ['rollout', 'status', 'deploy/shop', '-n', NAMESPACE, '--timeout=120s']);
    const running = load(60);
    const { code, stderr } = await kube().kubectl(['mesh', 'canary', 'deploy/shop', '-n', NAMESPACE, '--image', BAD, '--steps', '10,50', '--interval', '10s', '--min-requests', '5', '--max-failures', '0']);
    assert.equal(code, 1);
    assert.match(stderr, /was rolled back: success rate 0\.00 % is below 99 %/);
    assert.equal(await imageOf('shop'), OLD);
    const counts = await running;
    const [failed, all] = [sum(counts, '500'), sum(counts, '')];
    assert.equal(failed + sum(counts, '200'), all, JSON.stringify(counts));
    assert.ok(failed > 0 && failed < all / 5, JSON.stringify(counts));
    await waitFor('the canary cleared up', async () => (await named('deploy,svc,httproute')).join() === 'deployment.apps/shop,service/shop');
  });

  it('an A/B test is for requests with a header, stays as it is while paused, and ends when it is told to', async () => {
    const canary = (...args: string[]): Promise<string> => kube().must('ask for a canary', ['mesh', 'canary', 'deploy/shop', '-n', NAMESPACE, ...args]);
    const phase = (): Promise<string> => kube().must('read the canary', ['get', 'canaries', '-n', NAMESPACE, '-o', 'jsonpath={.items[0].status.phase}']);
    const versions = (): Promise<[beta: string, others: string]> => inPod(PROBE_NAMESPACE, MESHED, BETA);
    await canary('--image', GOOD, '--header', 'x-beta: yes', '--interval', '10s', '--min-requests', '1', '--no-wait');
    await waitFor('the new version for those who ask for it', async () => (await versions()).join() === 'control,sample');
    await canary('--pause', '--no-wait');
    await waitFor('the pause', async () => await phase() === 'Paused');
    assert.deepEqual(await versions(), ['control', 'sample']);
    await canary('--resume', '--no-wait');
    await waitFor('a good verdict', async () => (await versions()).join() === 'control,sample' && await phase() === 'Waiting');
    assert.match(await canary('--promote'), /Succeeded/);
    assert.equal(await imageOf('shop'), GOOD);
    assert.deepEqual(await versions(), ['control', 'control']);
  });
});
