import assert from 'node:assert/strict';
import { PORTS } from '../api/ports.ts';
import { EnvError, readEnv } from './env.ts';

describe('environment of a control service', () => {
  it('has defaults that fit the installed manifests', () => {
    const env = readEnv({ POD_NAME: 'p', POD_NAMESPACE: 'mesh-system', POD_IP: '10.0.0.1', KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' });
    assert.equal(env.configFile, '/var/run/kubectl-mesh/config/config.yaml');
    assert.equal(env.tokenFile, '/var/run/kubectl-mesh/token/token');
    assert.equal(env.anchorsFile, '/var/run/kubectl-mesh/anchors/ca-bundle.crt');
    assert.deepEqual([env.podName, env.podNamespace, env.podIp, env.logLevel, env.kubernetesHost], ['p', 'mesh-system', '10.0.0.1', 'info', '10.96.0.1']);
    assert.equal(env.ports.identity, PORTS.identity);
    assert.equal(env.ports.controlAdmin, PORTS.controlAdmin);
  });

  it('takes what is set', () => {
    const env = readEnv({ MESH_CONTROL_PORT_IDENTITY: '0', MESH_CONTROL_LOG: 'debug', MESH_CONTROL_IDENTITY_ADDR: 'x:1' });
    assert.deepEqual([env.ports.identity, env.logLevel, env.identityAddr], [0, 'debug', 'x:1']);
  });

  it('says which variable is wrong and what is allowed', () => {
    assert.throws(() => readEnv({ MESH_CONTROL_PORT_POLICY: '65536' }), new EnvError("MESH_CONTROL_PORT_POLICY is '65536'; use a number from 0 to 65535"));
    assert.throws(() => readEnv({ MESH_CONTROL_LOG: 'loud' }), new EnvError("MESH_CONTROL_LOG is 'loud'; use one of error, warn, info, debug"));
  });
});
