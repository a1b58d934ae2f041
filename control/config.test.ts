import assert from 'node:assert/strict';
import { stringify } from 'yaml';
import { ConfigError, parseConfig } from './config.ts';
import { testConfig } from './serve/testing/config.ts';

describe('mounted configuration', () => {
  it('is read as it was written', () => {
    assert.deepEqual(parseConfig(stringify(testConfig), 'f'), testConfig);
  });

  it('that cannot be used is an error naming the file, the field and the next step', () => {
    const { identity: _, ...without } = testConfig;
    assert.throws(() => parseConfig(stringify(without), 'config.yaml'),
      new ConfigError('config.yaml: identity.authority has to be a string, not undefined. Run kubectl mesh install again to write ConfigMap mesh-config anew.'));
    assert.throws(() => parseConfig(stringify({ ...testConfig, clusterNetworks: '10.0.0.0/8' }), 'f'), /clusterNetworks has to be an array, not string/);
    assert.throws(() => parseConfig('', 'f'), /version has to be a string, not undefined/);
    assert.throws(() => parseConfig('a: [', 'f'), /^ConfigError: f is not YAML/);
  });
});
