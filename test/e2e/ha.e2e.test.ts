import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { INJECT } from '../../api/annotations.ts';
import { ANCHORS_CONFIG_MAP, CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE, IDENTITY_WORKLOAD, SERVICES } from '../../api/names.ts';
import { scan } from '../../lib/promtext/scan.ts';
import { exec } from '../cluster/exec.ts';
import { applyGatewayApi } from '../gateway-api/module.ts';
import { awaitRollouts } from '../mesh/sample.ts';
import { openLongLived, type LongLived } from './long-lived.ts';
import { apply, dropNamespaces, inPod, isReady, loadGoesOn, loadTotals, pods, waitFor, waitReady, type Pod, type Totals } from './steps.ts';
import { idlePod, kube, MESHED, namespace, nodeContainer, PROBE_NAMESPACE, world, type Thing } from './world.ts';

const NAMESPACE = 'available';
const CONTROL = DEFAULT_CONTROL_NAMESPACE;
const WORKLOADS = [IDENTITY_WORKLOAD, CONTROL_WORKLOAD];
const REPLICAS = 3;
const LEASES = [IDENTITY_WORKLOAD, SERVICES.policy, SERVICES.webhook, ANCHORS_CONFIG_MAP];
/** Longer than a Lease, than every pause between attempts, and than TCP takes to notice. */
const OUTAGE_MS = 75_000;
/** Copies of the trust anchors and namespaces, and namespaces to label: watches that begin with the lead. */
const LED_WATCHES = 3;
const CONVERT_MS = 240_000;

const SERVER = `
import { createServer } from 'node:http';
import { hostname } from 'node:os';
const server = createServer((req, res) => res.end(hostname())).listen(8080);
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeIdleConnections(); });
`;
/** Prints the names of the servers that answered forty calls, each over a connection of its own, and what the route wrote on the last answer. */
const CLIENT = `
const seen = new Set();
let turn = '';
for (let i = 0; i < 40; i++) {
  const res = await fetch('http://echo.${NAMESPACE}/');
  if (res.status !== 200) throw new Error('status ' + res.status);
  seen.add(await res.text());
  turn = res.headers.get('x-turn') ?? '';
}
process.stdout.write(JSON.stringify({ servers: seen.size, turn }), () => process.exit(0));
`;

const echo: Thing[] = [
  {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'echo', namespace: NAMESPACE },
    spec: {
      replicas: 2, selector: { matchLabels: { app: 'echo' } },
      template: {
        metadata: { labels: { app: 'echo' }, annotations: { [INJECT]: 'enabled' } },
        spec: { containers: [nodeContainer('server', SERVER, { readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 } })] },
      },
    },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo', namespace: NAMESPACE }, spec: { selector: { app: 'echo' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } },
];
const route = (turn: string): Thing => ({
  apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'echo', namespace: NAMESPACE },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'echo', port: 80 }],
    rules: [{ filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-turn', value: turn }] } }], backendRefs: [{ name: 'echo', port: 80 }] }],
  },
});

/** A change of everything that proxies follow, and a new pod, arrive while the control plane is as it is. */
async function changesArrive(turn: string, servers: number): Promise<void> {
  // A replica that was killed is asked about new pods until the kubelet has noticed: what makes pods tries again.
  await waitFor(`${turn} to be taken`, async () => {
    await apply(route(turn), ...idlePod(NAMESPACE, turn, true));
    return true;
  });
  await kube().must('scale', ['scale', 'deploy/echo', `--replicas=${servers}`, '-n', NAMESPACE]);
  await waitReady(NAMESPACE, turn);
  await waitFor(`${servers} servers and the route of ${turn}`, async () => {
    const seen = await inPod<{ servers: number; turn: string }>(PROBE_NAMESPACE, MESHED, CLIENT);
    return seen.servers === servers && seen.turn === turn;
  });
}

async function holderOf(lease: string): Promise<string> {
  return (await kube().must('see who leads', ['get', 'lease', lease, '-n', CONTROL, '-o', 'jsonpath={.spec.holderIdentity}'])).trim();
}

const replicasOf = async (component: string): Promise<Pod[]> => (await pods(CONTROL, `kubectl-mesh.io/component=${component}`)).filter(isReady);

/** Ends the processes of a pod's containers as a lost machine would: nobody is told before. */
async function kill(pod: Pod): Promise<void> {
  const uid = (pod.metadata as { uid?: string }).uid!;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [cgroup, command] = await Promise.all(['cgroup', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')));
    if (cgroup!.includes(`pod${uid}`) && command!.includes('node')) process.kill(Number(pid), 'SIGKILL');
  }
}

const atNode = (...args: string[]): Promise<unknown> => exec('nsenter', [`--net=${world().node.netns}`, 'nft', ...args]);

/** The API server, unreachable for everybody: connections break and none is taken. */
async function apiServerAway(): Promise<void> {
  await atNode('add table inet outage; add chain inet outage input { type filter hook input priority -300; }; add rule inet outage input tcp dport 6443 reject with tcp reset');
}
const apiServerBack = (): Promise<unknown> => atNode('delete table inet outage');

/** Pages of lists that each replica has asked for since it started. */
async function lists(): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { metadata: { name } } of [...(await replicasOf('control')), ...(await replicasOf('identity'))]) {
    const text = await kube().must('read metrics', ['get', '--raw', `/api/v1/namespaces/${CONTROL}/pods/${name}:9990/proxy/metrics`]);
    found[name] = 0;
    scan(text, (metric) => metric === 'mesh_kube_lists_total', (line) => void (found[name]! += line.value));
  }
  return found;
}

describe('a control plane of three replicas', () => {
  let start: Record<'web' | 'flaky' | 'quotes', Totals>;
  let socket: LongLived;

  const convert = async (...flags: string[]): Promise<void> => {
    await kube().must('install', ['mesh', 'install', '--force', ...flags]);
    await awaitRollouts(kube(), WORKLOADS, CONTROL);
  };
  async function nothingFailed(): Promise<void> {
    await loadGoesOn(20);
    const after = await loadTotals();
    for (const target of ['web', 'flaky', 'quotes'] as const) {
      assert.equal(after[target].failed - start[target].failed, 0, `${target}: ${JSON.stringify(after[target].reasons)}, before ${JSON.stringify(start[target].reasons)}`);
    }
  }

  before(async function () {
    this.timeout(CONVERT_MS);
    await applyGatewayApi(kube(), exec, 'experimental');
    await apply(namespace(NAMESPACE), ...echo);
    socket = await openLongLived();
  });
  after(async function () {
    this.timeout(CONVERT_MS);
    socket.end();
    await atNode('add table inet outage');
    await apiServerBack();
    await dropNamespaces(NAMESPACE);
    await convert();
  });

  beforeEach(async () => {
    await loadGoesOn(20);
    start = await loadTotals();
  });

  it('comes out of one with single replicas, and traffic goes on', async function () {
    this.timeout(CONVERT_MS);
    await convert('--ha');
    for (const component of ['identity', 'control']) assert.equal((await replicasOf(component)).length, REPLICAS);
    assert.deepEqual((await kube().must('list budgets', ['get', 'pdb', '-n', CONTROL, '-o', 'jsonpath={.items[*].spec.maxUnavailable}'])).trim(), '1 1');
    const check = await kube().kubectl(['mesh', 'check', '-o', 'short']);
    assert.equal(check.code, 0, check.stdout);
    assert.match(check.stdout, /all replicas of deployment mesh-identity run on node/);
    await changesArrive('begin', 2);
    await nothingFailed();
  });

  it('loses no request and no change when any of them ends', async function () {
    this.timeout(CONVERT_MS);
    const leaders = new Set(await Promise.all(LEASES.map(holderOf)));
    let turn = 0;
    for (const component of ['identity', 'control']) {
      const all = await replicasOf(component);
      const leading = all.filter((pod) => leaders.has(pod.metadata.name));
      assert.ok(leading.length > 0, `${[...leaders].join()} lead`);
      for (const pod of [...leading, ...all.filter((one) => !leading.includes(one))]) {
        turn++;
        // Those that lead vanish, and so does every second of the others; the rest is told to end.
        if (leading.includes(pod) || turn % 2 === 0) await kill(pod);
        else await kube().must('end a replica', ['delete', 'pod', pod.metadata.name, '-n', CONTROL, '--wait=false']);
        await changesArrive(`turn-${turn}`, 2 + (turn % 2));
        await socket.echoes(`turn ${turn}`);
        await waitFor('three replicas', async () => (await replicasOf(component)).length === REPLICAS);
      }
    }
    await nothingFailed();
  });

  it('rides out an API server that is away, and resumes its watches without listing anew', async function () {
    this.timeout(CONVERT_MS);
    await waitFor('the numbers of lists to stand still', async () => {
      const first = await lists();
      await sleep(2000);
      return JSON.stringify(first) === JSON.stringify(await lists());
    });
    const [listed, served] = [await lists(), await loadTotals()];
    await apiServerAway();
    await sleep(OUTAGE_MS);
    await apiServerBack();
    await waitFor('the API server', async () => (await kube().kubectl(['get', '--raw', '/readyz'])).code === 0);
    await changesArrive('after', 2);
    const more = Object.entries(await lists()).reduce((sum, [pod, count]) => sum + count - listed[pod]!, 0);
    // The Leases ran out: whoever leads now begins watches of what it writes.
    assert.ok(more <= LED_WATCHES, `${more} lists were made`);
    const now = await loadTotals();
    assert.ok(now.web.ok - served.web.ok > OUTAGE_MS / 1000, 'web was called all the while');
    await nothingFailed();
  });

  it('becomes one with single replicas again', async function () {
    this.timeout(CONVERT_MS);
    await convert();
    assert.equal((await kube().must('list budgets', ['get', 'pdb', '-n', CONTROL, '-o', 'name'])).trim(), '');
    await waitFor('single replicas', async () => (await pods(CONTROL, 'kubectl-mesh.io/component=control')).length === 1);
    await changesArrive('end', 3);
    await nothingFailed();
  });
});
