import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { certificates } from './components.ts';
import { layout, type Layout } from './layout.ts';
import { writePki } from './pki.ts';

const NOW = new Date('2026-03-01T12:00:00Z');

describe('writePki', () => {
  let dir: string;
  let cluster: Layout;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pki-'));
    cluster = layout(dir, 'mesh', 4, 2);
    await writePki(cluster, NOW);
  });
  after(() => rm(dir, { recursive: true }));
  const text = (file: string) => readFile(join(cluster.pkiDir, file), 'utf8');
  const certificate = async (file: string) => new X509Certificate(await text(`${file}.crt`));

  it('signs every certificate with its authority, for its own key', async () => {
    for (const request of certificates(cluster)) {
      const issued = await certificate(request.file);
      assert.ok(issued.verify((await certificate(request.signer)).publicKey), request.file);
      assert.ok(issued.checkPrivateKey(createPrivateKey(await text(`${request.file}.key`))), request.file);
      assert.match(issued.subject, new RegExp(`CN=${request.commonName}$`, 'm'));
      assert.equal(issued.ca, false);
      assert.ok(issued.validFromDate < NOW && issued.validToDate > NOW);
    }
  });

  it('names the API server by every name and address it is called by', async () => {
    const server = await certificate('apiserver');
    for (const host of ['kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost']) assert.ok(server.checkHost(host), host);
    for (const ip of ['172.31.4.2', '10.96.0.1', '127.0.0.1']) assert.ok(server.checkIP(ip), ip);
  });

  it('puts node identities in the subjects that the Node authorizer reads', async () => {
    assert.equal((await certificate('kubelet-2')).subject, 'O=system:nodes\nCN=system:node:mesh-2');
    assert.equal((await certificate('admin')).subject, 'O=system:masters\nCN=admin');
  });

  it('does not let the clients\' authority speak for the front proxy', async () => {
    assert.equal((await certificate('front-proxy')).verify((await certificate('ca')).publicKey), false);
  });

  it('has one key pair for ServiceAccount tokens', async () => {
    const fromPrivate = createPublicKey(await text('sa.key')).export({ type: 'spki', format: 'pem' }).toString().trim();
    assert.equal(fromPrivate, (await text('sa.pub')).trim());
  });

  it('writes a kubeconfig that stands alone, readable by its owner only', async () => {
    const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as { users: { user: Record<string, string> }[]; clusters: { cluster: Record<string, string> }[] };
    assert.equal(config.clusters[0]?.cluster['server'], cluster.server);
    const admin = new X509Certificate(Buffer.from(config.users[0]!.user['client-certificate-data']!, 'base64'));
    assert.match(admin.subject, /system:masters/);
    assert.equal((await stat(cluster.kubeconfig)).mode & 0o777, 0o600);
    assert.equal((await stat(join(cluster.pkiDir, 'ca.key'))).mode & 0o777, 0o600);
  });
});
