/**
 * The local provider for real: root on Linux, about four minutes. It makes clusters of its own beside whatever runs.
 * Run it with: mocha --no-config --timeout 300000 test/cluster/local/local.e2e.ts
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnv, type Env } from '../env.ts';
import { exec } from '../exec.ts';
import type { NodeInfo } from '../provider.ts';
import { dockerArchive } from './archive.ts';
import { traces } from './traces.ts';

const NAME = 'e2e-local';
const IMAGE = 'kubectl-mesh.local/e2e-busybox:1';
const CLI = join(import.meta.dirname, '..', 'cli.ts');
/** Milliseconds after which a starting `up` is killed: from before the first file to after DNS. */
const KILL_AFTER = [150, 350, 450, 550, 700, 1000, 1500, 2500, 4000, 6000, 8000, 10_000];

let home: string;
let env: Env;

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [CLI, ...args, '--name', NAME, '--provider', 'local'], { env: env.vars, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
}

async function cli(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await exec(process.execPath, [CLI, ...args, '--name', NAME, '--provider', 'local'], { env: env.vars });
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function kubectl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await kubectlResult(...args);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function kubectlResult(...args: string[]) {
  const kubeconfig = join(env.clustersDir, NAME, 'kubeconfig');
  return exec(join(env.cacheDir, 'kubernetes-1.34.4', 'kubectl'), ['--kubeconfig', kubeconfig, ...args], { env: env.vars });
}

async function apply(...objects: object[]): Promise<void> {
  const file = join(home, 'manifest.json');
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  await kubectl('apply', '-f', file);
}

const inPod = (pod: string, ...command: string[]) => kubectl('exec', pod, '--', '/bin/busybox', ...command);

function pod(name: string, node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'web', image: IMAGE, args: ['sh', '-c', 'busybox mkdir /www; busybox hostname > /www/index.html; echo serving; exec busybox httpd -f -p 8080 -h /www'] }],
    },
  };
}

const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }, { name: 'https', port: 443, targetPort: 8080 }] } };

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'kubectl-mesh-e2e-'));
  env = readEnv({ ...process.env, XDG_STATE_HOME: join(home, 'state') });
});

after(async () => {
  await cli('down');
  assert.deepEqual(traces(NAME, env.clustersDir), []);
  await rm(home, { recursive: true });
});

describe('a local cluster with two nodes', () => {
  let nodes: NodeInfo[];
  const names = ['web-1', 'web-2'];

  before(async () => {
    await cli('up', '--nodes', '2');
    const archive = join(home, 'busybox.tar');
    await writeFile(archive, dockerArchive({ tag: IMAGE, files: [{ path: 'bin/busybox', mode: 0o755, content: await readFile('/usr/bin/busybox') }], entrypoint: ['/bin/busybox'] }));
    await cli('load', archive);
    nodes = JSON.parse(await cli('nodes', '-o', 'json')) as NodeInfo[];
    await apply(...names.map((name, i) => pod(name, nodes[i]!.name)), service);
    await kubectl('wait', '--for=condition=Ready', 'pod', ...names, '--timeout=60s');
  });

  it('is used as it is by a second up, and keeps its size', async () => {
    const uid = () => kubectl('get', 'namespace', 'default', '-o', 'jsonpath={.metadata.uid}');
    const first = await uid();
    await cli('up');
    assert.equal(await uid(), first);
    const other = await exec(process.execPath, [CLI, 'up', '--name', NAME, '--nodes', '3', '--provider', 'local'], { env: env.vars });
    assert.equal(other.code, 1);
    assert.match(other.stderr, /runs with 2 node\(s\), not 3/);
  });

  it('gives pods addresses of their node, and they talk across nodes with them', async () => {
    const [one, two] = await Promise.all(names.map((name) => kubectl('get', 'pod', name, '-o', 'jsonpath={.status.podIP}')));
    assert.ok(one!.startsWith(nodes[0]!.podCIDR.replace('0/24', '')));
    assert.ok(two!.startsWith(nodes[1]!.podCIDR.replace('0/24', '')));
    assert.equal((await inPod('web-1', 'wget', '-qO-', `http://${two}:8080/`)).trim(), 'web-2');
    assert.equal((await inPod('web-2', 'wget', '-qO-', `http://${one}:8080/`)).trim(), 'web-1');
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
      assert.equal((await kubectl('logs', name)).trim(), 'serving');
      const kubeconfig = join(env.clustersDir, NAME, 'kubeconfig');
      const forward = spawn(join(env.cacheDir, 'kubernetes-1.34.4', 'kubectl'), ['--kubeconfig', kubeconfig, 'port-forward', name, ':8080'], { stdio: ['ignore', 'pipe', 'inherit'] });
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
    const token = (await kubectl('create', 'token', 'default', '--audience', 'test.example')).trim();
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { aud: string[]; sub: string };
    assert.deepEqual([claims.aud, claims.sub], [['test.example'], 'system:serviceaccount:default:default']);
    const review = async (audience: string) => {
      const file = join(home, 'review.json');
      await writeFile(file, JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } }));
      return kubectl('create', '-f', file, '-o', 'jsonpath={.status.authenticated}');
    };
    assert.equal(await review('test.example'), 'true');
    assert.notEqual(await review('other.example'), 'true');
  });

  it('runs native sidecars, so that a Job completes', async () => {
    const sidecar = { name: 'side', image: IMAGE, args: ['sleep', '100000'], restartPolicy: 'Always' };
    const spec = { restartPolicy: 'Never', initContainers: [sidecar], containers: [{ name: 'main', image: IMAGE, args: ['true'] }], terminationGracePeriodSeconds: 1 };
    await apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once' }, spec: { template: { spec } } });
    await kubectl('wait', '--for=condition=Complete', 'job/once', '--timeout=60s');
  });

  it('lets the API server reach webhooks and aggregated APIs by Service: a plain HTTP answer comes from the pod', async () => {
    const target = { namespace: 'default', name: 'web', path: '/', port: 443 };
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }];
    const scope = { matchLabels: { 'kubernetes.io/metadata.name': 'webhook-test' } };
    const webhook = { name: 'web.test.example', clientConfig: { service: target }, rules, namespaceSelector: scope, sideEffects: 'None', admissionReviewVersions: ['v1'], failurePolicy: 'Fail' };
    await apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'webhook-test' } },
      { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'web' }, webhooks: [webhook] },
      { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: 'v1.test.example' }, spec: { group: 'test.example', version: 'v1', groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: { namespace: 'default', name: 'web', port: 443 } } },
    );
    await eventually(async () => (await kubectlResult('-n', 'webhook-test', 'create', 'configmap', 'x')).stderr, /HTTP response to HTTPS client/);
    await eventually(() => kubectl('get', 'apiservice', 'v1.test.example', '-o', 'jsonpath={.status.conditions[0].message}'), /HTTP response to HTTPS client/);
    await kubectl('delete', 'apiservice/v1.test.example', 'validatingwebhookconfiguration/web');
  });

  it('brings every component back that is killed', async () => {
    const init = (await readFile(join(env.clustersDir, NAME, 'nodes', '1', 'init.pid'), 'utf8')).trim();
    for (const component of ['kubelet', 'kube-proxy', 'kube-scheduler', 'kube-controller', 'containerd', 'kube-apiserver', 'etcd']) {
      await exec('nsenter', ['-t', init, '--pid', '--mount', 'pkill', '-KILL', '-x', component.slice(0, 15)]);
    }
    await cli('up');
    await kubectl('run', 'later', `--image=${IMAGE}`, '--restart=Never', '--', 'true');
    await kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/later', '--timeout=60s');
    assert.equal((await inPod('web-1', 'wget', '-qO-', 'http://localhost:8080/')).trim(), 'web-1');
  });

  it('is made anew when everything on its nodes was killed', async () => {
    for (const node of nodes) {
      const number = node.name.split('-').at(-1)!;
      process.kill(Number(await readFile(join(env.clustersDir, NAME, 'nodes', number, 'init.pid'), 'utf8')), 'SIGKILL');
    }
    await cli('up', '--nodes', '1');
    assert.equal((JSON.parse(await cli('nodes', '-o', 'json')) as NodeInfo[]).length, 1);
  });

  it('leaves no trace when it is taken down', async () => {
    await cli('down');
    assert.deepEqual(traces(NAME, env.clustersDir), []);
    await cli('down');
  });
});

describe('a run of up that is killed', () => {
  for (const delay of KILL_AFTER) {
    it(`after ${delay} ms leaves nothing that down does not remove`, async () => {
      await killed(delay);
      await cli('down');
      assert.deepEqual(traces(NAME, env.clustersDir), []);
      });
  }

  it('again and again does not keep the next one from its end', async () => {
    for (const delay of KILL_AFTER) await killed(delay);
    await cli('up');
    assert.match(await kubectl('get', 'nodes'), / Ready /);
  });

  it('together with everything that it started, too', async () => {
    await cli('down');
    for (const delay of [1000, 2500, 5000]) {
      await killed(delay);
      const pid = Number(await readFile(join(env.clustersDir, NAME, 'nodes', '1', 'init.pid'), 'utf8').catch(() => ''));
      if (pid > 0) process.kill(pid, 'SIGKILL');
    }
    await cli('up');
    assert.match(await kubectl('get', 'nodes'), / Ready /);
  });
});

/** Starts `up`, kills it with its helpers after so many milliseconds, and returns when it has ended. */
async function killed(delay: number): Promise<void> {
  const child = start('up');
  const ended = once(child, 'close');
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, delay))]);
  if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL');
  await ended;
}

async function eventually(question: () => Promise<string>, answer: RegExp): Promise<void> {
  let last = '';
  for (let attempt = 0; attempt < 60; attempt += 1) {
    last = await question();
    if (answer.test(last)) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.match(last, answer);
}
