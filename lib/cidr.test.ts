import assert from 'node:assert/strict';
import { parseCidr } from './cidr.ts';

describe('parseCidr', () => {
  it('matches by family and prefix', () => {
    const ten = parseCidr('10.0.0.0/8')!;
    assert.equal(ten.contains('10.244.0.7'), true);
    assert.equal(ten.contains('11.0.0.1'), false);
    assert.equal(ten.contains('fd00::1'), false);
    assert.equal(parseCidr('fd00::/8')!.contains('fd12::1'), true);
    assert.equal(parseCidr('192.168.1.4')!.contains('192.168.1.4'), true);
    assert.equal(parseCidr('192.168.1.4')!.contains('192.168.1.5'), false);
  });
  it('refuses what is not a network', () => {
    for (const bad of ['', '10.0.0.0/33', '10.0.0/8', 'x', '10.0.0.0/8/8', '::/129']) assert.equal(parseCidr(bad), null, bad);
  });
});
