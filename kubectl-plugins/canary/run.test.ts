import assert from 'node:assert/strict';
import type { Canary, CanaryStatus } from '../../api/crds/canary.ts';
import { cli } from '../shared/cli.ts';
import { EXIT } from '../shared/exit.ts';
import { fail, fakeCluster, send, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { testIo } from '../testing/io.ts';

const PATH = '/apis/kubectl-mesh.io/v1alpha1/namespaces/shop/canaries';
const deployment = (...containers: string[]) => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'shop' },
  spec: { template: { metadata: { labels: { app: 'web' } }, spec: { containers: containers.map((name) => ({ name, image: `${name}:1` })) } } },
});
const service = (name: string, app = 'web', ...ports: number[]) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { selector: { app }, ports: (ports.length > 0 ? ports : [80]).map((port) => ({ name: `p${port}`, port })) } });
const status = (phase: CanaryStatus['phase'], weight: number, message: string, more: Partial<CanaryStatus> = {}): CanaryStatus => (
  { phase, weight, message, observedGeneration: 1, step: 0, failures: 0, since: '2026-01-01T00:00:00Z', judgedAt: '2026-01-01T00:00:00Z', ...more }
);

describe('kubectl mesh canary', () => {
  let cluster: FakeCluster;
  let stored: Canary | undefined;
  /** what the control plane makes of it, look by look */
  let story: CanaryStatus[];
  beforeEach(async () => {
    stored = undefined;
    story = [];
    cluster = await fakeCluster(deployment('web'), service('web'), service('other', 'other'));
    cluster.on(`POST ${PATH}`, ({ body }, response) => {
      stored = { ...(body as Canary), metadata: { ...(body as Canary).metadata, generation: 1 } };
      send(response, 201, stored);
    });
    cluster.on(`GET ${PATH}/web`, (_, response) => {
      if (stored === undefined) {
        fail(response, 404, 'NotFound', 'canaries.kubectl-mesh.io "web" not found');
        return;
      }
      const next = story.shift();
      if (next !== undefined) stored.status = next;
      send(response, 200, stored);
    });
    cluster.on(`PATCH ${PATH}/web`, ({ body }, response) => {
      stored!.spec = { ...stored!.spec, ...(body as Canary).spec };
      stored!.metadata.generation!++;
      send(response, 200, stored);
    });
    cluster.on(`DELETE ${PATH}/web`, (_, response) => {
      send(response, 200, stored);
      stored = undefined;
    });
  });
  afterEach(() => cluster.close());

  const type = async (...argv: string[]): Promise<{ code: number; out: string; err: string }> => {
    const io = testIo();
    const code = await cli(['canary', ...argv, '-n', 'shop'], io, cluster.deps);
    return { code, out: io.out(), err: io.err() };
  };
  const figures = { requestsPerSecond: 4.2, requests: 252, successRate: 99.95, latencyP99Ms: 12.3 };

  it('starts one and shows how it goes to its good end', async () => {
    story = [
      status('Starting', 0, 'the new version is being started'), status('Progressing', 5, 'step 1 of 2: 5 % of the traffic'), status('Progressing', 5, 'step 1 of 2: 5 % of the traffic'),
      status('Progressing', 50, 'step 2 of 2: 50 % of the traffic', { step: 1, figures }), status('Promoting', 50, 'every step was good; deploy/web gets the new version', { figures }),
      status('Succeeded', 0, 'deploy/web runs the new version', { figures }),
    ];
    const { code, out, err } = await type('deploy/web', '--image', 'web:2', '--steps', '5,50', '--latency-p99', '300ms');
    assert.equal(code, EXIT.ok, err);
    matchesGolden(import.meta, 'succeeded.txt', out);
    assert.deepEqual(stored!.spec, {
      target: { name: 'web' }, service: { name: 'web', port: 80 }, images: [{ container: 'web', image: 'web:2' }], steps: [{ weight: 5 }, { weight: 50 }],
      interval: '1m', thresholds: { successRate: 99, latencyP99: '300ms', minRequests: 10, maxFailures: 1 }, startTimeout: '5m',
    });
  });

  it('fails when it was rolled back', async () => {
    story = [status('Progressing', 5, 'step 1'), status('RollingBack', 0, 'success rate 80.00 % is below 99 %', { figures: { ...figures, successRate: 80 } }), status('Failed', 0, 'success rate 80.00 % is below 99 %')];
    const { code, err } = await type('deploy/web', '--image', 'web:2');
    assert.equal(code, EXIT.failed);
    assert.match(err, /was rolled back: success rate 80\.00 % is below 99 %\. The Deployment is as it was\./);
  });

  it('shows one, and prints it for GitOps', async () => {
    await type('deploy/web', '--image', 'web:2', '--no-wait');
    story = [status('Progressing', 25, 'step 2 of 3: 25 % of the traffic', { step: 1, figures })];
    matchesGolden(import.meta, 'show.txt', (await type('deploy/web')).out);
    matchesGolden(import.meta, 'canary.yaml', (await type('deploy/web', '--image', 'web:3', '--header', 'x-beta: yes', '-o', 'yaml')).out);
  });

  it('makes a blue/green one of one step', async () => {
    await type('deploy/web', '--image', 'web:2', '--blue-green', '--no-wait');
    assert.deepEqual(stored!.spec.steps, [{ weight: 100 }]);
  });

  it('pauses, resumes, promotes, rolls back and removes', async () => {
    await type('deploy/web', '--image', 'web:2', '--no-wait');
    assert.match((await type('deploy/web', '--pause')).err, /stays where it is/);
    assert.equal(stored!.spec.paused, true);
    await type('deploy/web', '--resume', '--no-wait');
    assert.equal(stored!.spec.paused, false);
    await type('deploy/web', '--promote', '--no-wait');
    assert.equal(stored!.spec.decision, 'Promote');
    await type('deploy/web', '--rollback', '--no-wait');
    assert.equal(stored!.spec.decision, 'Rollback');
    assert.match((await type('deploy/web', '--remove')).err, /removed/);
    assert.equal(stored, undefined);
  });

  it('tells what to do about an A/B test', async () => {
    story = [status('Waiting', 0, 'good so far')];
    const { code, err } = await type('deploy/web', '--image', 'web:2', '--header', 'x-beta: yes');
    assert.equal(code, EXIT.ok);
    assert.match(err, /until you decide: kubectl mesh canary deploy\/web --promote/);
  });

  it('says so when nobody leads it', async () => {
    assert.match((await type('deploy/web', '--image', 'web:2')).err, /Nobody leads the canary of deploy\/web/);
  });

  it('starts no second one', async () => {
    await type('deploy/web', '--image', 'web:2', '--no-wait');
    assert.match((await type('deploy/web', '--image', 'web:3')).err, /has a canary already/);
    stored!.status = status('Failed', 0, 'x');
    assert.equal((await type('deploy/web', '--image', 'web:3', '--no-wait')).code, EXIT.ok);
  });

  for (const [what, argv, code, says] of [
    ['what is no Deployment', ['sts/web', '--image', 'x'], EXIT.usage, /write deploy\/NAME/],
    ['steps that do not grow', ['deploy/web', '--image', 'x', '--steps', '50,5'], EXIT.usage, /do not grow/],
    ['steps that are none', ['deploy/web', '--image', 'x', '--steps', 'a'], EXIT.usage, /percentages from 1 to 100/],
    ['a header without a value', ['deploy/web', '--image', 'x', '--header', 'beta'], EXIT.usage, /NAME: VALUE/],
    ['two actions', ['deploy/web', '--pause', '--resume'], EXIT.usage, /Give one of/],
    ['a short interval', ['deploy/web', '--image', 'x', '--interval', '1s'], EXIT.usage, /too short/],
    ['a rate beyond 100', ['deploy/web', '--image', 'x', '--success-rate', '101'], EXIT.usage, /percentage from 0 to 100/],
    ['the image that runs', ['deploy/web', '--image', 'web:1'], EXIT.failed, /nothing to try/],
    ['a container that is not there', ['deploy/web', '--image', 'x=y:1'], EXIT.failed, /no container x; it has web/],
    ['a Deployment that is not there', ['deploy/nowhere', '--image', 'x'], EXIT.failed, /"nowhere" not found/],
    ['one that is not there', ['deploy/web', '--pause'], EXIT.failed, /has no canary\. Start one with/],
    ['a Service that is not there', ['deploy/web', '--image', 'x', '--service', 'nowhere'], EXIT.failed, /"nowhere" not found/],
    ['a port that is not there', ['deploy/web', '--image', 'x', '--port', '81'], EXIT.failed, /no port 81; it has 80/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const result = await type(...argv);
      assert.equal(result.code, code);
      assert.match(result.err, says);
      assert.equal(stored, undefined);
    });
  }

  it('asks which Service, which port and which container', async () => {
    cluster.put(service('second'));
    assert.match((await type('deploy/web', '--image', 'x')).err, /Several Services select the pods.*web, second|second, web/);
    cluster.put(service('web', 'web', 80, 81), deployment('web', 'log'));
    assert.match((await type('deploy/web', '--image', 'x', '--service', 'web')).err, /several ports: 80, 81\. Say which one with --port/);
    assert.match((await type('deploy/web', '--image', 'x', '--service', 'web', '--port', '80')).err, /several containers \(web, log\)\. Say which one gets the image: --image CONTAINER=x/);
  });
});
