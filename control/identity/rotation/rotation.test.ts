import assert from 'node:assert/strict';
import fc from 'fast-check';
import { STOCK_PROXY } from '../../../api/names.ts';
import { World } from './testing/world.ts';

const STEP_MS = 5000;

/** The phase is Stable for longer than any proxy lags behind; every pair of proxies can verify each other at every step. */
async function settle(world: World, limitMs = 1_200_000): Promise<void> {
  let stable = 0;
  for (let at = 0; at < limitMs; at += STEP_MS) {
    await world.pass(STEP_MS);
    assert.deepEqual(world.strangers(), [], `${world.status().phase} at ${world.clock.wall()}`);
    stable = world.status().phase === 'Stable' ? stable + STEP_MS : 0;
    if (stable > 120_000) return;
  }
  assert.fail(`still ${world.status().phase}: ${JSON.stringify(world.status())}`);
}

const fingerprints = (world: World): string[] => world.status().anchors.map((a) => `${a.role} ${a.fingerprint}`);

async function started(identity = {}, proxies = 3): Promise<World> {
  const world = new World(identity);
  await world.work();
  for (let i = 0; i < proxies; i++) await world.addProxy({ lagMs: i * 45_000 });
  return world;
}

describe('rotation of issuer and trust anchor', () => {
  it('makes an authority where there is none, and then waits for the first date', async () => {
    const world = await started({}, 0);
    const { phase, anchors, issuer, next, authority } = world.status();
    assert.deepEqual([authority, phase, anchors.map((a) => a.role), next], ['automatic', 'Stable', ['active'], { what: 'issuer renewed', at: '2026-01-01T00:06:40Z' }]);
    assert.match(anchors[0]!.subject, /^CN=root\.identity\.mesh-system\.cluster\.local, OU=20260101T000000Z$/);
    assert.match(issuer!.subject, /^CN=identity\.mesh-system\.cluster\.local, OU=/);
    assert.deepEqual(world.events, ['TrustAnchorCreated', 'IssuerRotated']);
    const writes = world.state.history.length;
    await world.work();
    assert.equal(world.state.history.length, writes, 'nothing is written when nothing is to be done');
  });

  it('renews the issuer at two thirds of its life, without touching the anchors', async () => {
    const world = await started();
    const before = fingerprints(world);
    const first = world.status().issuer!.fingerprint;
    for (let i = 0; i < 90; i++) await world.pass(STEP_MS);
    assert.notEqual(world.status().issuer!.fingerprint, first);
    assert.deepEqual(fingerprints(world), before);
    assert.deepEqual(world.strangers(), []);
  });

  it('rotates the anchor when asked: known everywhere, then used, then the old one goes when nothing leads to it', async () => {
    const world = await started();
    const [old] = world.status().anchors;
    world.request('anchor', '1');
    await world.pass(STEP_MS);
    assert.deepEqual([world.status().phase, world.status().anchors.map((a) => a.role), world.status().reason], ['Distributing', ['active', 'next'], 'asked for']);
    for (let i = 0; i < 8; i++) await world.pass(STEP_MS);
    const { phase, waitingFor } = world.status();
    assert.deepEqual([phase, waitingFor], ['Distributing', { count: 2, pods: ['shop/pod-1: has not read the new trust anchors yet', 'shop/pod-2: has not read the new trust anchors yet'] }]);
    await settle(world);
    assert.equal(world.status().handled.anchor, '1');
    assert.deepEqual(world.status().anchors.map((a) => a.role), ['active']);
    assert.notEqual(world.status().anchors[0]!.fingerprint, old!.fingerprint);
    assert.deepEqual(world.events.slice(2), ['AnchorRotationStarted', 'IssuerRotated', 'AnchorRetired']);
    assert.equal(world.secret('mesh-identity-root', 'next.key'), '');
    const events = world.events.length;
    for (let i = 0; i < 20; i++) await world.pass(STEP_MS);
    assert.equal(world.events.length, events, 'a request counts once');
  });

  it('keeps an anchor that somebody else put into the bundle', async () => {
    const world = await started();
    const other = await started();
    const [foreign] = other.status().anchors;
    const map = world.state.find('configmaps', 'mesh-system/mesh-trust-anchors')!;
    world.put('configmaps', { ...map, data: { 'ca-bundle.crt': world.bundle() + other.bundle() } } as never);
    world.request('anchor', '1');
    await settle(world);
    assert.deepEqual(world.status().anchors.map((a) => a.role), ['foreign', 'active']);
    assert.equal(world.status().anchors[0]!.fingerprint, foreign!.fingerprint);
  });

  it('goes on without a proxy that never answers, when it was waited for long enough, and that one is not cut off', async () => {
    const world = await started();
    await world.addProxy({ silent: true, lagMs: 1e9 });
    world.request('anchor', '1');
    await world.pass(STEP_MS);
    for (let i = 0; i < 50; i++) await world.pass(STEP_MS);
    assert.match(world.status().waitingFor!.pods[0]!, /^shop\/pod-3: cannot be asked \(connect ETIMEDOUT\)/);
    await settle(world);
    assert.ok(world.events.includes('RotationGoesOn'));
  });

  it('waits for no stock proxy, which reads its anchors once, and does not cut it off', async () => {
    const world = await started();
    await world.addProxy({ silent: true, lagMs: 1e9, container: STOCK_PROXY });
    world.request('anchor', '1');
    await settle(world);
    assert.deepEqual(world.events.slice(2), ['AnchorRotationStarted', 'IssuerRotated', 'AnchorRetired']);
  });

  it('does not retire an anchor while a certificate from before a shorter lifetime leads to it', async () => {
    const world = await started({ issuanceLifetimeSeconds: 400, issuerLifetimeSeconds: 1800, anchorLifetimeSeconds: 7200 });
    world.config.identity.issuanceLifetimeSeconds = 5;
    world.request('anchor', '1');
    await settle(world);
  });

  it('without the key of the anchor goes over to a new one', async () => {
    const world = await started();
    const root = world.state.find('secrets', 'mesh-system/mesh-identity-root')!;
    world.put('secrets', { ...root, data: {} } as never);
    await world.work();
    assert.equal(world.status().reason, 'the key of the trust anchor is not there');
    await settle(world);
    assert.deepEqual(world.status().anchors.map((a) => a.role), ['active']);
  });

  it('comes back by itself after it was off for longer than everything lives', async () => {
    const world = await started();
    world.clock.advance(30 * 86_400_000);
    await world.work();
    for (const proxy of world.proxies) proxy.anchors = world.bundle();
    await world.pass(200_000);
    await settle(world);
    assert.deepEqual(world.status().anchors.map((a) => a.role), ['active']);
    assert.deepEqual(world.strangers(), []);
  });

  it('follows a given authority and writes nothing but its status', async () => {
    const world = await started({ authority: 'given' }, 0);
    assert.equal(world.bundle(), '');
    assert.deepEqual([world.status().authority, world.status().phase, world.status().anchors], ['given', 'Stable', []]);
    world.state.remove('secrets', 'mesh-system/mesh-identity-issuer');
    world.state.remove('configmaps', 'mesh-system/mesh-trust-anchors');
    await world.work();
    assert.equal(world.status().error, undefined);
  });

  it('names an object that cannot be read, and leaves it as it is', async () => {
    const world = await started();
    const root = world.state.find('secrets', 'mesh-system/mesh-identity-root')!;
    world.put('secrets', { ...root, data: { 'tls.crt': Buffer.from('nonsense').toString('base64'), 'tls.key': 'eA==' } } as never);
    await assert.rejects(world.work(), /^Error: tls\.crt of Secret mesh-identity-root has no PEM certificate/);
  });

  it('is never visible to a connection, wherever its leader is killed, whenever pods start, however often it is asked for', async function () {
    this.timeout(120_000);
    await fc.assert(fc.asyncProperty(
      fc.array(fc.constantFrom<'before' | 'after' | null>('before', 'after', null, null), { minLength: 40, maxLength: 40 }),
      fc.array(fc.record({ act: fc.constantFrom('anchor', 'issuer', 'pod', 'stale pod', 'restart', 'wait', 'wait'), ms: fc.integer({ min: 1000, max: 60_000 }) }), { minLength: 20, maxLength: 40 }),
      async (faults, acts) => {
        const world = await started();
        world.faults.push(...faults);
        for (const [i, { act, ms }] of acts.entries()) {
          if (act === 'anchor' || act === 'issuer') world.request(act, String(i));
          else if (act === 'pod') await world.addProxy({ lagMs: ms * 2 });
          else if (act === 'stale pod' && world.proxies.length < 8) await world.addProxy({ lagMs: 90_000, anchors: world.proxies[0]!.anchors });
          else if (act === 'restart') world.restart();
          for (let at = 0; at < ms; at += STEP_MS) {
            await world.pass(STEP_MS);
            assert.deepEqual(world.strangers(), [], world.status().phase);
          }
        }
        await settle(world);
      },
    ), { numRuns: 6 });
  });
});
