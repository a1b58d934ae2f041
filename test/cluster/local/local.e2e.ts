/**
 * The local provider for real: root on Linux, two minutes. It makes clusters of its own beside whatever runs.
 * Run it with: mocha --no-config --timeout 300000 'test/cluster/local/*.e2e.ts'
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../exec.ts';
import type { NodeInfo } from '../provider.ts';
import { BUSYBOX, eventually, harness, type Harness } from './harness.ts';

let h: Harness;

const inPod = (pod: string, ...command: string[]) => h.kubectl('exec', pod, '--', '/bin/busybox', ...command);

function pod(name: string, node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'web', image: BUSYBOX, args: ['sh', '-c', 'busybox mkdir /www; busybox hostname > /www/index.html; echo serving; exec busybox httpd -f -p 8080 -h /www'] }],
    },
  };
}

const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ipFamilyPolicy: 'PreferDualStack', ports: [{ name: 'http', port: 80, targetPort: 8080 }, { name: 'https', port: 443, targetPort: 8080 }] } };

describe('a local cluster with two nodes', () => {
  let nodes: NodeInfo[];
  const names = ['web-1', 'web-2'];

  after(() => h.close());

  before(async () => {
    h = await harness('e2e-local');
    await h.cli('up', '--nodes', '2');
    await h.loadBusybox();
    nodes = await h.nodes();
    await h.apply(...names.map((name, i) => pod(name, nodes[i]!.name)), service);
    await h.kubectl('wait', '--for=condition=Ready', 'pod', ...names, '--timeout=60s');
  });

  it('is used as it is by a second up, and keeps its size', async () => {
    const uid = () => h.kubectl('get', 'namespace', 'default', '-o', 'jsonpath={.metadata.uid}');
    const first = await uid();
    await h.cli('up');
    assert.equal(await uid(), first);
    const other = await h.result('up', '--nodes', '3');
    assert.equal(other.code, 1);
    assert.match(other.stderr, /runs with 2 node\(s\), not 3/);
  });

  it('gives pods addresses of their node, and they talk across nodes with them', async () => {
    const [one, two] = await Promise.all(names.map((name) => h.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.podIP}')));
    assert.ok(one!.startsWith(nodes[0]!.podCIDR.replace('0/24', '')));
    assert.ok(two!.startsWith(nodes[1]!.podCIDR.replace('0/24', '')));
    assert.equal((await inPod('web-1', 'wget', '-qO-', `http://${two}:8080/`)).trim(), 'web-2');
    assert.equal((await inPod('web-2', 'wget', '-qO-', `http://${one}:8080/`)).trim(), 'web-1');
  });

  it('gives pods and Services IPv6 addresses too, which work across nodes', async () => {
    const two = await h.kubectl('get', 'pod', 'web-2', '-o', 'jsonpath={.status.podIPs[1].ip}');
    assert.match(two, /^fd00:/);
    assert.equal((await inPod('web-1', 'wget', '-qO-', `http://[${two}]:8080/`)).trim(), 'web-2');
    const six = await h.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIPs[1]}');
    assert.match(six, /^fd00:96::/);
    const seen = new Set<string>();
    for (let i = 0; i < 20; i += 1) seen.add((await inPod('web-1', 'wget', '-qO-', `http://[${six}]/`)).trim());
    assert.deepEqual([...seen].sort(), names);
  });

  it('resolves and balances Services from every node, a pod reaching itself too', async () => {
    for (const name of names) {
      assert.match(await inPod(name, 'nslookup', 'web.default.svc.cluster.local'), /Address:\s+10\.96\./);
      const seen = new Set<string>();
      for (let i = 0; i < 20; i += 1) seen.add((await inPod(name, 'wget', '-qO-', 'http://web.default.svc.cluster.local/')).trim());
      assert.deepEqual([...seen].sort(), names);
    }
  });

  it('serves exec, logs and port-forward on every node', async () => {
    for (const name of names) {
      assert.equal((await inPod(name, 'hostname')).trim(), name);
      assert.equal((await h.kubectl('logs', name)).trim(), 'serving');
      const forward = spawn(h.kubectlPath, ['--kubeconfig', h.kubeconfig, 'port-forward', name, ':8080'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [text] = (await once(forward.stdout, 'data')) as [Buffer];
      const port = /127\.0\.0\.1:(\d+)/.exec(text.toString())?.[1];
      assert.equal((await (await fetch(`http://127.0.0.1:${port}/`)).text()).trim(), name);
      forward.kill();
      await once(forward, 'close');
    }
  });

  it('reaches the network namespace that it names', async () => {
    for (const node of nodes) assert.match((await exec('nsenter', [`--net=${node.netns}`, 'ip', 'addr'])).stdout, new RegExp(`inet ${node.ip}/`));
  });

  it('issues ServiceAccount tokens for an audience, and reviews them', async () => {
    const token = (await h.kubectl('create', 'token', 'default', '--audience', 'test.example')).trim();
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { aud: string[]; sub: string };
    assert.deepEqual([claims.aud, claims.sub], [['test.example'], 'system:serviceaccount:default:default']);
    const review = async (audience: string) => {
      const file = join(h.home, 'review.json');
      await writeFile(file, JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } }));
      return h.kubectl('create', '-f', file, '-o', 'jsonpath={.status.authenticated}');
    };
    assert.equal(await review('test.example'), 'true');
    assert.notEqual(await review('other.example'), 'true');
  });

  it('runs native sidecars, so that a Job completes', async () => {
    const sidecar = { name: 'side', image: BUSYBOX, args: ['sleep', '100000'], restartPolicy: 'Always' };
    const spec = { restartPolicy: 'Never', initContainers: [sidecar], containers: [{ name: 'main', image: BUSYBOX, args: ['true'] }], terminationGracePeriodSeconds: 1 };
    await h.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once' }, spec: { template: { spec } } });
    await h.kubectl('wait', '--for=condition=Complete', 'job/once', '--timeout=60s');
  });

  it('lets the API server reach webhooks and aggregated APIs by Service: a plain HTTP answer comes from the pod', async () => {
    const target = { namespace: 'default', name: 'web', path: '/', port: 443 };
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }];
    const scope = { matchLabels: { 'kubernetes.io/metadata.name': 'webhook-test' } };
    const webhook = { name: 'web.test.example', clientConfig: { service: target }, rules, namespaceSelector: scope, sideEffects: 'None', admissionReviewVersions: ['v1'], failurePolicy: 'Fail' };
    await h.apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'webhook-test' } },
      { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'web' }, webhooks: [webhook] },
      { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: 'v1.test.example' }, spec: { group: 'test.example', version: 'v1', groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: { namespace: 'default', name: 'web', port: 443 } } },
    );
    await eventually(async () => (await h.kubectlResult('-n', 'webhook-test', 'create', 'configmap', 'x')).stderr, /HTTP response to HTTPS client/);
    await eventually(() => h.kubectl('get', 'apiservice', 'v1.test.example', '-o', 'jsonpath={.status.conditions[0].message}'), /HTTP response to HTTPS client/);
    await h.kubectl('delete', 'apiservice/v1.test.example', 'validatingwebhookconfiguration/web');
  });

  it('brings every component back that is killed', async () => {
    const init = String(await h.initPid(1));
    for (const component of ['kubelet', 'kube-proxy', 'kube-scheduler', 'kube-controller', 'containerd', 'kube-apiserver', 'etcd']) {
      await exec('nsenter', ['-t', init, '--pid', '--mount', 'pkill', '-KILL', '-x', component.slice(0, 15)]);
    }
    await h.cli('up');
    await h.kubectl('run', 'later', `--image=${BUSYBOX}`, '--restart=Never', '--', 'true');
    await h.kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/later', '--timeout=60s');
    assert.equal((await inPod('web-1', 'wget', '-qO-', 'http://localhost:8080/')).trim(), 'web-1');
  });

  it('is made anew when everything on its nodes was killed', async () => {
    for (const number of [1, 2]) process.kill(await h.initPid(number), 'SIGKILL');
    await h.cli('up', '--nodes', '1');
    assert.equal((await h.nodes()).length, 1);
  });

  it('leaves no trace when it is taken down', async () => {
    await h.cli('down');
    h.assertGone();
    await h.cli('down');
  });
});
