import assert from 'node:assert/strict';
import { readEnv } from './env.ts';

describe('readEnv', () => {
  it('follows the XDG variables', () => {
    const env = readEnv({ HOME: '/home/u', XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' });
    assert.equal(env.cacheDir, '/c/kubectl-mesh');
    assert.equal(env.clustersDir, '/s/kubectl-mesh/clusters');
  });

  it('falls back to the home folder, also for relative values', () => {
    const env = readEnv({ HOME: '/home/u', XDG_CACHE_HOME: 'cache', XDG_STATE_HOME: '' });
    assert.equal(env.cacheDir, '/home/u/.cache/kubectl-mesh');
    assert.equal(env.clustersDir, '/home/u/.local/state/kubectl-mesh/clusters');
  });
});
