import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { INJECT } from '../../api/annotations.ts';
import { CONTAINERS, TOKEN_AUDIENCE } from '../../api/names.ts';
import { createCsr } from '../../lib/pki/csr.ts';
import { portForward, type Forward } from './port-forward.ts';
import { apply, dropNamespaces, identityOf, isReady, pods, waitFor } from './steps.ts';
import { idlePod, kube, namespace, type Thing } from './world.ts';

const NAMESPACE = 'identity-check';

interface Certified { leafCertificate: Buffer; intermediateCertificates: Buffer[] }
interface Failed { code: number; details: string }

/** Another implementation of gRPC than the proxy's asks: what counts is what the service gives, not who asks. */
const PROTO = join(import.meta.dirname, '..', '..', 'api', 'proto', 'identity.proto');

describe('the identity service', () => {
  let forward: Forward;
  let client: grpc.Client & { certify: (request: unknown, done: (error: Failed | null, answer: Certified) => void) => void };

  before(async () => {
    await apply(namespace(NAMESPACE), ...['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: NAMESPACE } })));
    const anchors = await kube().must('read the trust anchors', ['get', 'configmap', 'mesh-trust-anchors', '-n', 'mesh-system', '-o', 'jsonpath={.data.ca-bundle\\.crt}']);
    forward = await portForward('mesh-system', 'deploy/mesh-identity', 8080);
    const definition = grpc.loadPackageDefinition(loadSync(PROTO, { includeDirs: [join(PROTO, '..')] })) as unknown as { io: { linkerd: { proxy: { identity: { Identity: grpc.ServiceClientConstructor } } } } };
    const name = identityOf('mesh-identity', 'mesh-system');
    client = new definition.io.linkerd.proxy.identity.Identity(`127.0.0.1:${forward.port}`, grpc.credentials.createSsl(Buffer.from(anchors)), {
      'grpc.ssl_target_name_override': name, 'grpc.default_authority': name,
    }) as never;
  });
  after(async () => {
    client?.close();
    await forward?.stop();
    await dropNamespaces(NAMESPACE);
  });

  const token = (account: string, audience = TOKEN_AUDIENCE): Promise<string> => kube().must('get a token', ['create', 'token', account, '-n', NAMESPACE, '--audience', audience]);

  /** The object as the API server would store it, admission included. */
  async function dryRun(thing: Thing): Promise<Thing & { metadata: { labels?: Record<string, string> } }> {
    return JSON.parse(await kube().must('try it', ['create', '--dry-run=server', '-o', 'json', '-f', '-'], { input: JSON.stringify(thing) })) as Thing;
  }

  function certify(identity: string, token: string, inCsr = identity): Promise<Certified | Failed> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const request = { identity, token: Buffer.from(token), certificateSigningRequest: createCsr(privateKey, inCsr) };
    return new Promise((resolve) => client.certify(request, (error, answer) => resolve(error ?? answer)));
  }

  it('gives a certificate to the one whose token it is', async () => {
    const name = identityOf('a', NAMESPACE);
    const answer = await certify(name, await token('a'));
    assert.ok('leafCertificate' in answer, JSON.stringify(answer));
    const leaf = new X509Certificate(answer.leafCertificate);
    assert.match(leaf.subjectAltName!, new RegExp(`DNS:${name}`));
    assert.match(leaf.subjectAltName!, new RegExp(`URI:spiffe://cluster.local/ns/${NAMESPACE}/sa/a`));
    const hours = (Date.parse(leaf.validTo) - Date.parse(leaf.validFrom)) / 3_600_000;
    assert.ok(hours > 23.9 && hours < 24.2, `it is valid for ${hours} h`);
  });

  it('gives none for the token of another ServiceAccount', async () => {
    const answer = await certify(identityOf('a', NAMESPACE), await token('b'));
    assert.ok('code' in answer, 'a certificate was given');
    assert.ok([grpc.status.PERMISSION_DENIED, grpc.status.UNAUTHENTICATED, grpc.status.FAILED_PRECONDITION].includes(answer.code), JSON.stringify(answer));
    assert.doesNotMatch(answer.details, /\n/);
  });

  it('gives none to a pod whose proxy says it is another ServiceAccount, and that pod does not start', async () => {
    const [, wanted] = idlePod(NAMESPACE, 'impostor', true);
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'impostor', namespace: NAMESPACE } };
    await apply(account);
    const pod = await waitFor('the injector', () => dryRun(wanted!));
    // As injected, but for the name that the proxy asks a certificate for; the injector is told to keep away from what is injected already.
    const proxy = (pod['spec'] as { initContainers: { name: string; env: { name: string; value?: string; valueFrom?: unknown }[] }[] }).initContainers.find((c) => c.name === CONTAINERS.proxy)!;
    proxy.env = proxy.env.map((e) => (e.name === 'MESH_PROXY_SERVICE_ACCOUNT' ? { name: e.name, value: 'a' } : e));
    pod.metadata = { name: 'impostor', namespace: NAMESPACE, labels: { app: 'impostor' }, annotations: { [INJECT]: 'disabled' } };
    await apply(pod);

    const refusal = await waitFor('the refusal in the log of the proxy', async () => {
      const { stdout } = await kube().kubectl(['logs', '-n', NAMESPACE, 'impostor', '-c', CONTAINERS.proxy]);
      return stdout.split('\n').find((line) => line.includes('no certificate'));
    });
    assert.match(refusal, /impostor/, 'the refusal names whose token it was');
    const [impostor] = await pods(NAMESPACE, 'app=impostor');
    assert.equal(isReady(impostor!), false);
    const status = impostor!.status.initContainerStatuses?.find((c) => c.name === CONTAINERS.proxy);
    assert.deepEqual([status?.started, status?.ready], [false, false]);
    assert.equal(impostor!.status.containerStatuses?.[0]?.ready, false);
    const issued = await kube().must('read the log of identity', ['logs', '-n', 'mesh-system', 'deploy/mesh-identity', '--tail=-1']);
    assert.ok(!issued.split('\n').some((line) => line.includes('certificate issued') && line.includes(identityOf('impostor', NAMESPACE))));
  });

  it('gives none for another name in the request, a token for another audience, or no token', async () => {
    const name = identityOf('a', NAMESPACE);
    const answers = {
      'another name': await certify(name, await token('a'), identityOf('b', NAMESPACE)),
      'another audience': await certify(name, await token('a', 'https://kubernetes.default.svc.cluster.local')),
      'no token': await certify(name, 'nonsense'),
      'the name of the control plane': await certify(identityOf('mesh-identity', 'mesh-system'), await token('a')),
    };
    for (const [what, answer] of Object.entries(answers)) assert.ok('code' in answer && answer.code !== grpc.status.UNAVAILABLE, `${what}: ${JSON.stringify(answer)}`);
  });
});
