import assert from 'node:assert/strict';
import { applyRules, setCloseWait, type Run } from './apply.ts';
import { families } from './families.ts';
import { parseOptions } from './options.ts';
import { chainRules, JUMPS, renderRules } from './rules.ts';

const ARGS = ['--skip-inbound-ports', '4190,4191,4567-4568', '--skip-outbound-ports', '4567-4568', '--skip-subnets', '169.254.0.0/16'];

describe('redirect rules', () => {
  it('render as iptables-restore input', () => {
    assert.equal(renderRules(parseOptions(ARGS), 'ipv4'), `*nat
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

  it('leave a group alone, and redirect only the ports that are named', () => {
    const rules = chainRules(parseOptions(['--proxy-gid', '2102', '--redirect-inbound-ports', '80,8000-8010', '--skip-inbound-ports', '8001']), 'ipv4');
    assert.deepEqual(rules, [
      '-A MESH_INBOUND -p tcp -m multiport --dports 8001 -j RETURN',
      '-A MESH_INBOUND -p tcp -m multiport --dports 80,8000:8010 -j REDIRECT --to-ports 4143',
      '-A MESH_OUTBOUND -m owner --uid-owner 2102 -j RETURN',
      '-A MESH_OUTBOUND -m owner --gid-owner 2102 -j RETURN',
      '-A MESH_OUTBOUND -o lo -j RETURN',
      '-A MESH_OUTBOUND -p tcp -j REDIRECT --to-ports 4140',
    ]);
  });

  it('come with a time for half-closed connections, or say what that needs', () => {
    const written: string[] = [];
    setCloseWait(parseOptions(['--close-wait-timeout', '3600']).closeWaitSeconds, (file, text) => written.push(file, text));
    assert.deepEqual(written, ['/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait', '3600']);
    assert.throws(() => setCloseWait(1, () => { throw new Error('EROFS'); }), /EROFS\. The container has to be privileged/);
  });

  it('do not repeat jumps that exist', () => {
    assert.doesNotMatch(renderRules(parseOptions([]), 'ipv4', JUMPS), /PREROUTING/);
  });

  it('skip networks of their own family only', () => {
    const o = parseOptions(['--skip-subnets', '10.0.0.0/8,fd00::/8']);
    assert.deepEqual(chainRules(o, 'ipv4').filter((r) => / -[sd] /.test(r)), ['-A MESH_INBOUND -s 10.0.0.0/8 -j RETURN', '-A MESH_OUTBOUND -d 10.0.0.0/8 -j RETURN']);
    assert.deepEqual(chainRules(o, 'ipv6').filter((r) => / -[sd] /.test(r)), ['-A MESH_INBOUND -s fd00::/8 -j RETURN', '-A MESH_OUTBOUND -d fd00::/8 -j RETURN']);
  });

  it('are for IPv6 too where the pod has an address of it', () => {
    const lo = '00000000000000000000000000000001 01 80 10 80       lo\n';
    const link = 'fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n';
    const global = 'fd000000000000000000000000000002 04 40 00 82     eth0\n';
    assert.deepEqual(families('auto', ''), ['ipv4']);
    assert.deepEqual(families('auto', lo + link), ['ipv4']);
    assert.deepEqual(families('auto', lo + link + global), ['ipv4', 'ipv6']);
    assert.deepEqual(families('false', global), ['ipv4']);
    assert.deepEqual(families('true', ''), ['ipv4', 'ipv6']);
  });

  it('of IPv6 that cannot be made say what that means', async () => {
    const run: Run = async (command) => (command.startsWith('ip6') ? { code: 3, stdout: '', stderr: "can't initialize ip6tables table `nat'" } : { code: 0, stdout: '', stderr: '' });
    await assert.rejects(applyRules(parseOptions([]), ['ipv6'], run), /--ipv6 false: IPv6 then bypasses the mesh/);
  });

  it('split many ports over several rules', () => {
    const o = parseOptions(['--skip-inbound-ports', Array.from({ length: 20 }, (_, i) => 1000 + i * 2).join(',')]);
    const rules = chainRules(o, 'ipv4').filter((r) => r.includes('multiport'));
    assert.deepEqual(rules.map((r) => r.split('--dports ')[1]!.split(' ')[0]!.split(',').length), [15, 5]);
  });

  it('refuse what is not a port, a network or a mode', () => {
    for (const args of [['--inbound-port', '0'], ['--inbound-port', 'x'], ['--skip-inbound-ports', '9-3'], ['--skip-subnets', '10/8'], ['--mode', 'x'], ['--ipv6', 'x'], ['--proxy-gid', 'x'], ['--close-wait-timeout', '-1'], ['--redirect-inbound-ports', 'http'], ['--bogus']])
      assert.throws(() => parseOptions(args), Error, args.join(' '));
  });

  it('say what to do when iptables fails, and when the rules do not stick', async () => {
    const denied: Run = async () => ({ code: 4, stdout: '', stderr: 'iptables-nft-save: Permission denied (you must be root)' });
    await assert.rejects(applyRules(parseOptions([]), ['ipv4'], denied), /NET_ADMIN/);
    const ignored: Run = async () => ({ code: 0, stdout: '', stderr: '' });
    await assert.rejects(applyRules(parseOptions([]), ['ipv4'], ignored), /not in force/);
  });
});
