import assert from 'node:assert/strict';
import { downCommand } from './hints.ts';
import { demoOptions, downOptions } from './options.ts';

describe('the command that removes a demo', () => {
  it('names the cluster as it was named', () => {
    for (const argv of [[], ['--name', 'mine'], ['--provider', 'existing', '--kubeconfig', '/k', '--context', 'c']]) {
      const [, flags] = downCommand(demoOptions(argv)).split('npm run demo:down');
      const { choice, name } = downOptions(flags!.replace(/^ -- /, '').split(' ').filter(Boolean));
      assert.deepEqual({ choice, name }, { choice: demoOptions(argv).choice, name: demoOptions(argv).name });
    }
  });
});
