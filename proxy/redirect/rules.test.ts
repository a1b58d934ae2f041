import assert from 'node:assert/strict';
import { applyRules, type Run } from './apply.ts';
import { parseOptions } from './options.ts';
import { chainRules, JUMPS, renderRules } from './rules.ts';

const ARGS = ['--skip-inbound-ports', '4190,4191,4567-4568', '--skip-outbound-ports', '4567-4568', '--skip-subnets', '169.254.0.0/16'];

describe('redirect rules', () => {
  it('render as iptables-restore input', () => {
    assert.equal(renderRules(parseOptions(ARGS)), `*nat
:MESH_INBOUND - [0:0]
:MESH_OUTBOUND - [0:0]
-A PREROUTING -p tcp -j MESH_INBOUND
-A OUTPUT -p tcp -j MESH_OUTBOUND
-A MESH_INBOUND -p tcp -m multiport --dports 4190,4191,4567:4568 -j RETURN
-A MESH_INBOUND -s 169.254.0.0/16 -j RETURN
-A MESH_INBOUND -p tcp -j REDIRECT --to-ports 4143
-A MESH_OUTBOUND -m owner --uid-owner 2102 -j RETURN
-A MESH_OUTBOUND -o lo -j RETURN
-A MESH_OUTBOUND -p tcp -m multiport --dports 4567:4568 -j RETURN
-A MESH_OUTBOUND -d 169.254.0.0/16 -j RETURN
-A MESH_OUTBOUND -p tcp -j REDIRECT --to-ports 4140
COMMIT
`);
  });

  it('do not repeat jumps that exist', () => {
    assert.doesNotMatch(renderRules(parseOptions([]), JUMPS), /PREROUTING/);
  });

  it('split many ports over several rules', () => {
    const o = parseOptions(['--skip-inbound-ports', Array.from({ length: 20 }, (_, i) => 1000 + i * 2).join(',')]);
    const rules = chainRules(o).filter((r) => r.includes('multiport'));
    assert.deepEqual(rules.map((r) => r.split('--dports ')[1]!.split(' ')[0]!.split(',').length), [15, 5]);
  });

  it('refuse what is not a port, a network or a mode', () => {
    for (const args of [['--inbound-port', '0'], ['--inbound-port', 'x'], ['--skip-inbound-ports', '9-3'], ['--skip-subnets', '10/8'], ['--mode', 'x'], ['--bogus']])
      assert.throws(() => parseOptions(args), Error, args.join(' '));
  });

  it('say what to do when iptables fails, and when the rules do not stick', async () => {
    const denied: Run = async () => ({ code: 4, stdout: '', stderr: 'iptables-nft-save: Permission denied (you must be root)' });
    await assert.rejects(applyRules(parseOptions([]), denied), /NET_ADMIN/);
    const ignored: Run = async () => ({ code: 0, stdout: '', stderr: '' });
    await assert.rejects(applyRules(parseOptions([]), ignored), /not in force/);
  });
});
