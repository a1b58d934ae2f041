import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import type { IdentityReport, IdentityStatus } from '../../api/identity-status.ts';
import { TOKEN_AUDIENCE } from '../../api/names.ts';
import { ManualClock } from '../../lib/clock.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import type { ConfigMap, KubeObject } from '../../lib/kube/types.ts';
import { silentLog } from '../../lib/log.ts';
import { createCsr } from '../../lib/pki/csr.ts';
import { generateKeys } from '../../lib/pki/keys.ts';
import { toPem } from '../../lib/pki/pem.ts';
import { openssl } from '../../lib/pki/openssl.testkit.ts';
import type { ControlDeps, Service } from '../deps.ts';
import { serveAdmin, type AdminServer } from '../serve/admin.ts';
import { certify, type Certified } from '../serve/certify.ts';
import { testConfig, testEnv } from '../serve/testing/config.ts';
import { testMesh, until, type TestMesh } from '../serve/testing/mesh.ts';
import { start } from './start.ts';
import { tokenApi, tokenOf, type TokenApi } from './testing/token-api.ts';

const SELF = 'mesh-identity.mesh-system.serviceaccount.identity.mesh-system.cluster.local';
const WEB = 'web.default.serviceaccount.identity.mesh-system.cluster.local';
const token = tokenOf('default', 'web');

describe('identity service', () => {
  let mesh: TestMesh;
  let api: TokenApi;
  let admin: AdminServer;
  let clock: ManualClock;
  before(async () => { mesh = await testMesh(); });
  beforeEach(async () => {
    api = await tokenApi();
    api.tokens.set(token, { authenticated: true, audiences: [TOKEN_AUDIENCE], user: { username: 'system:serviceaccount:default:web', uid: 'u1' } });
    admin = await serveAdmin({ host: '127.0.0.1', port: 0, log: silentLog() });
    // at the present, so that certificates are valid for TLS too
    clock = new ManualClock(Date.now());
  });
  afterEach(async () => {
    await api.close();
    await admin.stop();
  });

  const meta = (name: string) => ({ name, namespace: 'mesh-system' });
  const secret = (name: string, data: Record<string, string>): KubeObject => ({
    apiVersion: 'v1', kind: 'Secret', metadata: meta(name), data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  } as KubeObject);
  const issuerOf = (m: TestMesh): KubeObject => secret('mesh-identity-issuer', { 'tls.crt': m.issuer.certificate, 'tls.key': m.issuer.key });
  const bundle = (pem: string): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('mesh-trust-anchors'), data: { 'ca-bundle.crt': pem } } as KubeObject);
  const withService = async (body: (address: string, service: Service) => Promise<void>, authority: 'given' | 'automatic' = 'given'): Promise<void> => {
    api.objects.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('mesh-identity-status') }, secret('mesh-identity-root', {}));
    api.objects.apply(...(authority === 'given' ? [issuerOf(mesh), bundle(mesh.root.certificate)] : [secret('mesh-identity-issuer', {}), { ...bundle(''), data: {} } as KubeObject]));
    const port = await freePort();
    const deps: ControlDeps = {
      config: { ...testConfig, identity: { ...testConfig.identity, authority } }, log: silentLog(), clock, kube: api.client, admin, signal: new AbortController().signal,
      get identity(): never { throw new Error('the identity service asks nobody for a certificate'); },
    };
    const env = testEnv();
    const service = await start({ ...env, ports: { ...env.ports, identity: port } }, deps);
    try {
      await body(`127.0.0.1:${port}`, service);
    } finally {
      await service.stop();
    }
  };
  const ask = (address: string, change: Partial<Parameters<typeof certify>[0]> = {}): Promise<Certified> => certify({
    address, serverName: SELF, anchors: mesh.root.certificate, identity: WEB, token: Buffer.from(`${token}\n`), csr: createCsr(generateKeys().privateKey, WEB), signal: new AbortController().signal, ...change,
  });
  const ready = async (): Promise<string> => (await fetch(`http://127.0.0.1:${admin.port}/ready`)).text();

  it('gives a 24 h leaf that openssl verifies, bound to the token\'s account', () => withService(async (address) => {
    const keys = generateKeys();
    const got = await ask(address, { csr: createCsr(keys.privateKey, WEB) });
    const leaf = new X509Certificate(got.leaf);
    assert.equal(leaf.subjectAltName, `DNS:${WEB}, URI:spiffe://cluster.local/ns/default/sa/web`);
    assert.ok(leaf.publicKey.equals(keys.publicKey));
    assert.equal(got.validUntil, leaf.validToDate.getTime());
    assert.equal(got.validUntil, Math.floor((clock.wall() + 86_420_000) / 1000) * 1000);
    assert.equal(got.intermediates.length, 1);
    const files = { root: mesh.root.certificate, issuer: toPem(got.intermediates[0]!), leaf: toPem(got.leaf) };
    assert.equal(await openssl(['verify', '-x509_strict', '-CAfile', 'root', '-untrusted', 'issuer', 'leaf'], files), 'leaf: OK\n');
    await until(() => api.events.length === 1);
    const [event] = api.events;
    assert.deepEqual([event?.reason, event?.involvedObject], ['IssuedLeafCertificate', { apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'default', name: 'web', uid: 'u1' }]);
    assert.match(event?.message ?? '', new RegExp(`^issued certificate for ${WEB} until .*: [0-9a-f]{64}$`));
  }));

  it('is ready, counts its answers and shows the issuer\'s life', () => withService(async (address) => {
    await ask(address);
    await assert.rejects(ask(address, { token: Buffer.from('a.b.c') }));
    assert.equal(await ready(), 'ready\n');
    const metrics = await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
    assert.match(metrics, /identity_certify_total\{code="ok"\} 1/);
    assert.match(metrics, /identity_certify_total\{code="failed_precondition"\} 1/);
    assert.match(metrics, /issuer_cert_ttl_seconds 4\d{5}/);
    assert.match(metrics, /identity_token_review_duration_seconds_count 2/);
  }));

  it('refuses with the reference\'s codes', () => withService(async (address) => {
    const other = 'other.default.serviceaccount.identity.mesh-system.cluster.local';
    const csrFor = (name: string): Buffer => createCsr(generateKeys().privateKey, name);
    await assert.rejects(ask(address, { identity: '' }), /^Error: INVALID_ARGUMENT: identity is missing/);
    await assert.rejects(ask(address, { token: Buffer.alloc(0) }), /INVALID_ARGUMENT: token is missing/);
    await assert.rejects(ask(address, { csr: Buffer.alloc(0) }), /INVALID_ARGUMENT: certificate_signing_request is missing/);
    await assert.rejects(ask(address, { identity: 'web' }), /INVALID_ARGUMENT: identity is not of the form/);
    await assert.rejects(ask(address, { csr: Buffer.from('nonsense') }), /INVALID_ARGUMENT: the certificate signing request is not one DER value/);
    await assert.rejects(ask(address, { csr: csrFor(other) }), /FAILED_PRECONDITION: .*only DNS name/);
    await assert.rejects(ask(address, { token: Buffer.from(tokenOf('x', 'y')) }), /FAILED_PRECONDITION: the token is refused: invalid bearer token/);
    await assert.rejects(ask(address, { identity: other, csr: csrFor(other) }), /FAILED_PRECONDITION: the token is of ServiceAccount default\/web, which is not other/);
    const elsewhere = WEB.replace('cluster.local', 'other.domain');
    await assert.rejects(ask(address, { identity: elsewhere, csr: csrFor(elsewhere) }), /FAILED_PRECONDITION: the token is of ServiceAccount default\/web/);
    api.failWith = 500;
    await assert.rejects(ask(address), /UNAVAILABLE: the API server could not be asked/);
    assert.equal(api.events.length, 0);
  }));

  it('takes a new issuer without a restart, and serves with a leaf of it', () => withService(async (address) => {
    const next = await testMesh();
    api.objects.apply(bundle(mesh.root.certificate + next.root.certificate), issuerOf(next));
    await until(() => ask(address, { anchors: next.root.certificate }).then(() => true, () => false));
    const got = await ask(address, { anchors: next.root.certificate });
    assert.equal(new X509Certificate(got.leaf).checkIssued(new X509Certificate(next.issuer.certificate)), true);
    await until(() => api.events.some((e) => e.reason === 'IssuerUpdated'));
  }));

  it('keeps the last good issuer when the new one is of no use, and says so', () => withService(async (address) => {
    const stranger = await testMesh();
    api.objects.apply(issuerOf(stranger));
    await until(() => api.events.some((e) => e.reason === 'IssuerValidationFailed'));
    assert.match(api.events.find((e) => e.reason === 'IssuerValidationFailed')?.message ?? '', /no valid path leads from the issuer certificate to a trust anchor/);
    await ask(address);
    api.objects.remove(RESOURCES.secrets, 'mesh-system/mesh-identity-issuer');
    await until(() => api.events.some((e) => /Secret mesh-identity-issuer has no issuer/.test(e.message ?? '')));
    await ask(address);
    assert.equal(await ready(), 'ready\n');
  }));

  it('makes an authority where there is none, and tells whom it trusts and what comes next', () => withService(async (address) => {
    const anchors = (): string => api.objects.get<ConfigMap>(RESOURCES.configmaps, 'mesh-system/mesh-trust-anchors')?.data?.['ca-bundle.crt'] ?? '';
    await until(() => ask(address, { anchors: anchors() }).then(() => true, () => false));
    const report = await (await fetch(`http://127.0.0.1:${admin.port}/identity`)).json() as IdentityReport;
    assert.deepEqual([report.identity, report.anchors, report.chain.split('BEGIN CERTIFICATE').length - 1], [SELF, anchors(), 2]);
    const status = (): IdentityStatus => JSON.parse(api.objects.get<ConfigMap>(RESOURCES.configmaps, 'mesh-system/mesh-identity-status')?.data?.['status.json'] ?? '{}') as IdentityStatus;
    await until(() => status().issuer !== undefined);
    assert.deepEqual([status().phase, status().anchors.map((a) => a.role), status().next?.what], ['Stable', ['active'], 'issuer renewed']);
    const metrics = await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
    assert.match(metrics, /identity_rotation_phase\{phase="Stable"\} 1/);
    assert.match(metrics, /identity_trust_anchor_ttl_seconds\{fingerprint="[0-9a-f]{12}",role="active"\} 315\d{5}/);
  }, 'automatic'));

  it('stops answering, in words, when its issuer has expired', () => withService(async (address) => {
    // The last quarter of a minute of its five days.
    const ending = await testMesh(Date.now() - 5 * 86_400_000 + 15_000);
    api.objects.apply(bundle(ending.root.certificate), issuerOf(ending));
    await until(async () => /issuer_cert_ttl_seconds \d\d?(\.\d+)?\n/.test(await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text()));
    clock.advance(16_000);
    await assert.rejects(ask(address, { anchors: ending.root.certificate }), /UNAVAILABLE: the issuer expired at/);
    assert.match(await ready(), /^identity: the issuer expired at/);
  }));
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = await serveAdmin({ host: '127.0.0.1', port: 0, log: silentLog() });
  const { port } = probe;
  await probe.stop();
  return port;
}
