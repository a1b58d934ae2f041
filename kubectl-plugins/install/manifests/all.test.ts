import assert from 'node:assert/strict';
import { parse, parseAllDocuments } from 'yaml';
import { CONFIG_KEY, CONFIG_MAP, LABELS, PART_OF } from '../../../api/names.ts';
import { matchesGolden } from '../../testing/golden.ts';
import { defaultConfig } from '../../testing/installed.ts';
import { manifests, render } from './all.ts';

const GIVEN = { issuer: { certificate: 'issuer certificate\n', key: 'issuer key\n' }, anchors: 'trust anchors\n' };

describe('manifests of install', () => {
  it('are as they were with the defaults', () => {
    matchesGolden(import.meta, 'default.yaml', render(manifests(defaultConfig()), 'yaml'));
  });

  it('are as they were with every setting changed', () => {
    const config = defaultConfig({
      registry: 'registry.example.com/mesh', 'image-pull-policy': 'Always', 'trust-domain': 'example.org', 'cluster-domain': 'corp.internal',
      'cluster-networks': '10.0.0.0/8', 'issuance-lifetime': '1h', 'identity-external-issuer': true, 'proxy-log-level': 'debug', 'proxy-cpu-request': '100m', 'proxy-cpu-limit': '1',
      'proxy-memory-request': '20Mi', 'proxy-memory-limit': '250Mi', 'default-inbound-policy': 'all-authenticated', 'skip-inbound-ports': '22,8000-8010',
      'skip-outbound-ports': '', 'opaque-ports': '3306', 'shutdown-grace-period': '1m',
    });
    matchesGolden(import.meta, 'custom.yaml', render(manifests(config, GIVEN), 'yaml'));
  });

  it('lead canaries only where that is wanted, by a Deployment that may do nothing else', () => {
    const about = (flags: Record<string, unknown>) => manifests(defaultConfig(flags)).filter((o) => o.metadata.name.endsWith('mesh-canary')).map((o) => o.kind);
    assert.deepEqual(about({}), []);
    assert.deepEqual(about({ canary: true }), ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding', 'Deployment']);
    const changes = (name: string) => JSON.stringify(manifests(defaultConfig({ canary: true })).find((o) => o.kind === 'ClusterRole' && o.metadata.name === `kubectl-mesh:${name}`)).match(/"deployments"[^{]*"patch"/);
    assert.ok(changes('mesh-canary'));
    assert.equal(changes('mesh-control'), null);
  });

  it('have three replicas, spread and protected, for high availability, and nothing of that else', () => {
    const about = (flags: Record<string, unknown>) => manifests(defaultConfig(flags)).filter((o) => ['PodDisruptionBudget', 'Deployment'].includes(o.kind));
    matchesGolden(import.meta, 'high-availability.yaml', render(about({ ha: true, canary: true }), 'yaml'));
    assert.doesNotMatch(render(about({}), 'yaml'), /PodDisruptionBudget|topologySpread|rollingUpdate/);
  });

  it('carry the label by which they are found again', () => {
    for (const object of manifests(defaultConfig())) {
      assert.equal(object.metadata.labels?.[LABELS.partOf], PART_OF, `${object.kind} ${object.metadata.name}`);
      assert.ok(object.metadata.labels?.[LABELS.component], `${object.kind} ${object.metadata.name}`);
    }
  });

  it('are the same objects in YAML and in JSON', () => {
    const objects = manifests(defaultConfig());
    const list = JSON.parse(render(objects, 'json')) as { kind: string; items: unknown[] };
    assert.equal(list.kind, 'List');
    assert.deepEqual(parseAllDocuments(render(objects, 'yaml')).map((d) => d.toJS() as unknown), list.items);
  });

  it('start new control pods when the configuration changes', () => {
    const hash = (level: string): unknown => {
      const deployments = manifests(defaultConfig({ 'proxy-log-level': level })).filter((o) => o.kind === 'Deployment');
      return JSON.stringify(deployments.map((d) => (d as unknown as { spec: { template: { metadata: unknown } } }).spec.template.metadata));
    };
    assert.notEqual(hash('warn'), hash('info'));
    assert.equal(hash('warn'), hash('warn'));
  });

  it('let nobody but mesh-identity see the issuer and the root, and mount them nowhere', () => {
    const mention = (name: string) => manifests(defaultConfig()).filter((o) => o.kind !== 'Secret' && JSON.stringify(o).includes(name)).map((o) => `${o.kind} ${o.metadata.name}`);
    for (const secret of ['mesh-identity-issuer', 'mesh-identity-root']) assert.deepEqual(mention(secret), ['Role mesh-identity']);
  });

  it('hold no key but a given one, and leave out what others make', () => {
    const objects = (given?: Parameters<typeof manifests>[1], flags = {}) => manifests(defaultConfig(flags), given) as (ReturnType<typeof manifests>[number] & { data?: Record<string, string>; type?: string })[];
    const automatic = objects().filter((o) => ['mesh-identity-issuer', 'mesh-identity-root', 'mesh-trust-anchors'].includes(o.metadata.name));
    assert.deepEqual(automatic.map((o) => [o.metadata.name, o.data]), [['mesh-trust-anchors', undefined], ['mesh-identity-root', undefined], ['mesh-identity-issuer', undefined]]);
    const external = { 'identity-external-issuer': true };
    const names = (given: Parameters<typeof manifests>[1]) => objects(given, external).filter((o) => /Secret|ConfigMap/.test(o.kind)).map((o) => o.metadata.name);
    assert.deepEqual(names({ issuer: undefined, anchors: undefined }), ['mesh-config', 'mesh-policy-settings', 'mesh-identity-status', 'mesh-identity-root']);
    assert.deepEqual(names({ issuer: undefined, anchors: 'pem' }), ['mesh-config', 'mesh-policy-settings', 'mesh-trust-anchors', 'mesh-identity-status', 'mesh-identity-root']);
    const secret = objects(GIVEN, external).find((o) => o.metadata.name === 'mesh-identity-issuer')!;
    assert.deepEqual([secret.type, Object.keys(secret.data!)], ['kubernetes.io/tls', ['tls.crt', 'tls.key']]);
  });

  it('hold the configuration as control services read it', () => {
    const config = defaultConfig();
    const map = manifests(config).find((o) => o.metadata.name === CONFIG_MAP) as unknown as { data: Record<string, string> };
    assert.deepEqual(parse(map.data[CONFIG_KEY]!), config);
  });
});
