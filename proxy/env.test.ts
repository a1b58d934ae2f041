import assert from 'node:assert/strict';
import { EnvError, parseEnv } from './env.ts';

const MINIMAL = {
  MESH_PROXY_IDENTITY_LOCAL_NAME: 'a.b.serviceaccount.identity.mesh-system.cluster.local', MESH_PROXY_IDENTITY_TOKEN_FILE: '/t', MESH_PROXY_IDENTITY_TRUST_ANCHORS_FILE: '/a',
  MESH_PROXY_IDENTITY_SVC_ADDR: 'mesh-identity.mesh-system.svc.cluster.local:8080', MESH_PROXY_IDENTITY_SVC_NAME: 'id',
  MESH_PROXY_DESTINATION_SVC_ADDR: '127.0.0.1:8086', MESH_PROXY_POLICY_SVC_ADDR: 'localhost:8090', MESH_PROXY_POLICY_WORKLOAD: '{}',
};

describe('environment', () => {
  it('has defaults for everything that is not a name of the pod', () => {
    const e = parseEnv(MINIMAL);
    assert.deepEqual(e.listen, { inbound: { host: '0.0.0.0', port: 4143 }, outbound: { host: '127.0.0.1', port: 4140 }, admin: { host: '0.0.0.0', port: 4191 }, tap: { host: '0.0.0.0', port: 4190 } });
    assert.equal(e.shutdownGraceMs, 30_000);
    assert.deepEqual(e.reuse, { maxRequests: 0, maxAgeMs: 0 });
    assert.deepEqual(parseEnv({ ...MINIMAL, MESH_PROXY_OUTBOUND_CONNECTION_MAX_REQUESTS: '1000', MESH_PROXY_OUTBOUND_CONNECTION_MAX_AGE: '10m' }).reuse, { maxRequests: 1000, maxAgeMs: 600_000 });
    assert.deepEqual([e.logFormat, e.shutdownEndpoint, e.detectMs, e.discoveryIdleMs], ['json', true, { inbound: 1000, outbound: 1000 }, { inbound: 90_000, outbound: 300_000 }]);
    assert.equal(parseEnv({ ...MINIMAL, MESH_PROXY_INBOUND_DETECT_TIMEOUT: '8760h' }).detectMs.inbound, 86_400_000, 'what a timer can wait');
    assert.equal(e.destination.service.identity, null);
    assert.equal(e.identity.service.identity, 'id');
    assert.ok(e.opaquePorts.includes(3306));
    assert.equal(e.clusterNetworks.some((n) => n.contains('10.96.0.1')), true);
  });

  it('understands the names of Linkerd, own ones first', () => {
    const linkerd = Object.fromEntries(Object.entries(MINIMAL).map(([k, v]) => [k.replace('MESH_PROXY', 'LINKERD2_PROXY'), v]));
    const e = parseEnv({ ...linkerd, LINKERD2_PROXY_LOG: 'warn,linkerd=debug', LINKERD2_PROXY_SHUTDOWN_GRACE_PERIOD: '2m', LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS: '127.0.0.1:4140,[::1]:4140', MESH_PROXY_ADMIN_LISTEN_ADDR: '[::]:4291', LINKERD2_PROXY_ADMIN_LISTEN_ADDR: '[::]:4191' });
    assert.deepEqual([e.logLevel, e.shutdownGraceMs, e.listen.admin.port, e.listen.outbound.host], ['debug', 120_000, 4291, '127.0.0.1']);
  });

  it('refuses what it cannot use, and names the variable', () => {
    const bad: [string, string][] = [
      ['IDENTITY_LOCAL_NAME', ''], ['INBOUND_LISTEN_ADDR', '4143'], ['OPAQUE_PORTS', '25,x'], ['OPAQUE_PORTS', '9-3'], ['CLUSTER_NETWORKS', '10.0.0.0/40'], ['INBOUND_CONNECT_TIMEOUT', 'soon'], ['VIA', '1.1 mesh'], ['INBOUND_PORTS_REQUIRE_IDENTITY', 'http'], ['LOG_FORMAT', 'xml'], ['SHUTDOWN_ENDPOINT_ENABLED', 'yes'], ['OUTBOUND_CONNECTION_MAX_REQUESTS', 'many'], ['IDENTITY_SVC_ADDR', 'nowhere'],
    ];
    for (const [name, value] of bad) {
      const env: Record<string, string | undefined> = { ...MINIMAL, [`MESH_PROXY_${name}`]: value === '' ? undefined : value };
      assert.throws(() => parseEnv(env), (e) => e instanceof EnvError && e.message.includes(`MESH_PROXY_${name}`), name);
    }
    assert.throws(() => parseEnv({ ...MINIMAL, MESH_PROXY_LOG: 'loud', MESH_PROXY_SHUTDOWN_GRACE_SECONDS: '-1', MESH_PROXY_ACCESS_LOG: 'xml', MESH_PROXY_INBOUND_ORIG_DST: 'x' }), (e) => {
      assert.ok(e instanceof EnvError);
      assert.deepEqual(e.problems.map((p) => p.split(':')[0]), ['MESH_PROXY_LOG', 'MESH_PROXY_SHUTDOWN_GRACE_SECONDS', 'MESH_PROXY_ACCESS_LOG', 'MESH_PROXY_INBOUND_ORIG_DST']);
      return true;
    });
    const { MESH_PROXY_IDENTITY_SVC_NAME: _, ...unnamed } = MINIMAL;
    assert.throws(() => parseEnv(unnamed), /IDENTITY_SVC_NAME/);
  });
});
