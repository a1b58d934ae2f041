import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../clock.ts';
import { RESOURCES } from '../kube/resources.ts';
import { type FakeApiServer, fakeApiServer } from '../kube/testing/fake-api-server.ts';
import { silentLog } from '../log.ts';
import { type ServingKeeper, keepServing } from './keeper.ts';
import { isFit } from './secret.ts';
import type { CaTarget } from './targets.ts';

const DAY = 86_400_000;
const names = ['mesh-webhook.mesh-system.svc'];
const secret = { name: 'mesh-serving-tls', namespace: 'mesh-system', labels: { part: 'mesh' } };

/** A clock whose wall can be put forward and whose long timers fire by hand. */
function skippingClock(): Clock & { skip(ms: number): void } {
  let shift = 0;
  const long = new Set<() => void>();
  return {
    ...systemClock,
    wall: () => Date.now() + shift,
    after(ms, f) {
      if (ms < 3_600_000) return systemClock.after(ms, f);
      long.add(f);
      return f;
    },
    cancel(timer) {
      if (!long.delete(timer as () => void)) systemClock.cancel(timer);
    },
    skip(ms) {
      shift += ms;
      for (const f of Array.from(long)) {
        long.delete(f);
        f();
      }
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

describe('keeper of the serving certificate', () => {
  let api: FakeApiServer;
  let open: ServingKeeper[] = [];
  beforeEach(async () => {
    api = await fakeApiServer({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'target' } });
  });
  afterEach(async () => {
    await Promise.all(open.map((k) => k.stop()));
    open = [];
    await api.close();
  });

  async function keep(trusted: string[], clock: Clock = systemClock): Promise<ServingKeeper> {
    const target: CaTarget = { resource: RESOURCES.namespaces, name: 'target', trust: (_kube, ca) => Promise.resolve(void trusted.push(ca)) };
    const keeper = await keepServing({ kube: api.client(), clock, log: silentLog(), secret, names, targets: [target] });
    open.push(keeper);
    return keeper;
  }
  const stored = (): Record<string, string> => Object.fromEntries(Object.entries(api.get(RESOURCES.secrets, 'mesh-system/mesh-serving-tls')?.data ?? {})
    .map(([k, v]) => [k, Buffer.from(v, 'base64').toString()]));

  it('makes one where there is none, and its target trusts it before it is served', async () => {
    const trusted: string[] = [];
    const keeper = await keep(trusted);
    assert.equal(keeper.current().cert, stored()['tls.crt']);
    assert.equal(trusted[0], stored()['ca.crt']);
    assert.ok(isFit({ ...keeper.current(), ca: trusted[0]! }, names, Date.now()));
  });

  it('replicas that start together serve one certificate', async () => {
    const keepers = await Promise.all([keep([]), keep([]), keep([])]);
    assert.equal(new Set(keepers.map((k) => k.current().cert)).size, 1);
  });

  it('renews at two thirds of its life; other replicas take it over, the authority before stays trusted', async () => {
    const clock = skippingClock();
    const trusted: string[] = [];
    const leader = await keep(trusted, clock);
    const follower = await keep([], { ...systemClock, wall: () => clock.wall() });
    const before = leader.current();
    const changes: string[] = [];
    follower.onChange((pair) => changes.push(pair.cert));
    clock.skip(61 * DAY);
    await until(() => leader.current().cert !== before.cert && changes.length > 0);
    assert.equal(follower.current().cert, leader.current().cert);
    assert.deepEqual(changes, [leader.current().cert]);
    const authorities = trusted.at(-1)!.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g)!.map((pem) => new X509Certificate(pem));
    assert.equal(authorities.length, 2);
    assert.ok(authorities.some((a) => new X509Certificate(before.cert).checkIssued(a)));
  });

  it('replaces a Secret that is spoilt, and restores one that was deleted', async () => {
    api.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: secret.name, namespace: secret.namespace } });
    const keeper = await keep([]);
    const first = keeper.current().cert;
    assert.equal(stored()['tls.crt'], first);
    api.remove(RESOURCES.secrets, 'mesh-system/mesh-serving-tls');
    await until(() => keeper.current().cert !== first);
    assert.equal(stored()['tls.crt'], keeper.current().cert);
  });

  it('writes the authorities into a target that was created or changed later', async () => {
    const trusted: string[] = [];
    await keep(trusted);
    const before = trusted.length;
    api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'target', labels: { a: 'b' } } });
    await until(() => trusted.length > before);
    assert.equal(trusted.at(-1), stored()['ca.crt']);
  });
});
