import assert from 'node:assert/strict';
import { ManualClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { leader, type Leader } from './lease.ts';
import { RESOURCES } from './resources.ts';
import { fakeApiServer, type FakeApiServer } from './testing/fake-api-server.ts';
import type { Lease } from './types.ts';
import { until } from '../testing/until.ts';

const KEY = 'mesh-system/mesh-x';

describe('leader election', () => {
  let api: FakeApiServer;
  let clock: ManualClock;
  let standing: Leader[];
  /** who leads, by holder */
  let terms: string[];
  let most: number;
  beforeEach(async () => {
    api = await fakeApiServer();
    clock = new ManualClock(Date.UTC(2026, 0, 1));
    [standing, terms, most] = [[], [], 0];
  });
  afterEach(async () => {
    await Promise.all(standing.map((one) => one.stop()));
    await api.close();
  });

  const lease = (): Lease['spec'] => api.get(RESOURCES.leases, KEY)?.spec;
  const stand = (holder: string, lead?: (signal: AbortSignal) => Promise<void>, signal?: AbortSignal): Leader => {
    const one = leader({
      client: api.client(), name: 'mesh-x', namespace: 'mesh-system', holder, clock, log: silentLog(), random: () => 0, ...(signal && { signal }),
      lead: lead ?? ((signal) => new Promise((resolve) => {
        terms.push(holder);
        most = Math.max(most, terms.length);
        signal.addEventListener('abort', () => {
          terms.splice(terms.indexOf(holder), 1);
          resolve();
        }, { once: true });
      })),
    });
    standing.push(one);
    return one;
  };
  /** Turns the clock in small steps, and lets requests of each step finish. */
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 500) {
      clock.advance(500);
      await new Promise((resolve) => { setTimeout(resolve, 4); });
    }
  };

  it('has one leader, whose Lease reads as client-go writes it, and renews it', async () => {
    stand('a');
    await until('a leads', () => terms.includes('a'));
    stand('b');
    await pass(60_000);
    assert.deepEqual([terms, standing.map((one) => one.leads())], [['a'], [true, false]]);
    const spec = lease()!;
    assert.deepEqual([spec.holderIdentity, spec.leaseDurationSeconds, spec.leaseTransitions, spec.acquireTime], ['a', 15, 0, '2026-01-01T00:00:00.000000Z']);
    assert.ok(spec.renewTime! > '2026-01-01T00:00:50.000000Z');
  });

  it('hands over at once when the leader stops', async () => {
    const first = stand('a');
    await until('a leads', () => terms.includes('a'));
    stand('b');
    await first.stop();
    assert.deepEqual([terms, lease()?.holderIdentity], [[], '']);
    await pass(5000);
    assert.deepEqual([terms, lease()?.holderIdentity, lease()?.leaseTransitions], [['b'], 'b', 1]);
  });

  it('gives the Lease up when it is told to end, before it is stopped', async () => {
    const ending = new AbortController();
    const first = stand('a', undefined, ending.signal);
    await until('a leads', () => terms.includes('a'));
    ending.abort();
    await until('it is free', () => lease()?.holderIdentity === '');
    assert.deepEqual([terms, first.leads()], [[], false]);
  });

  it('takes over from one that vanished, not before its Lease has run out', async () => {
    api.apply({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'mesh-x', namespace: 'mesh-system' }, spec: { holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime: '2020-01-01T00:00:00.000000Z' } } as Lease);
    stand('b');
    await pass(14_000);
    assert.deepEqual(terms, [], 'what the clock of another machine wrote counts for nothing');
    await pass(5000);
    assert.deepEqual(terms, ['b']);
  });

  it('gives up before others may take it for gone, when the API server does not answer; and leads again after', async () => {
    stand('a');
    await until('a leads', () => terms.includes('a'));
    api.failNext(...Array.from({ length: 8 }, () => 500));
    await pass(9000);
    assert.deepEqual(terms, ['a'], 'some failures are borne');
    await pass(4000);
    assert.deepEqual(terms, []);
    await pass(60_000);
    assert.deepEqual([terms, most], [['a'], 1]);
  });

  it('gives up when somebody else took it, and when its work fails', async () => {
    stand('a');
    await until('a leads', () => terms.includes('a'));
    const object = structuredClone(api.get(RESOURCES.leases, KEY)!);
    api.apply({ ...object, spec: { ...object.spec, holderIdentity: 'robber' } } as Lease);
    await pass(3000);
    assert.deepEqual(terms, []);
    await standing[0]!.stop();
    assert.equal(lease()?.holderIdentity, 'robber');
    api.remove(RESOURCES.leases, KEY);
    let calls = 0;
    stand('c', () => Promise.reject(new Error(`call ${++calls}`)));
    await pass(10_000);
    assert.ok(calls > 1 && calls < 6, String(calls));
  });
});
