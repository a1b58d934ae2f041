import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { IPAddressSchema } from '../../api/gen/net_pb.js';
import { canonicalIp, ipMessage, ipText } from './ip.ts';

describe('ip messages', () => {
  it('reads back every address in its canonical spelling', () => {
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
      assert.equal(ipText(create(IPAddressSchema, ipMessage(ip))), canonicalIp(ip));
    }));
  });

  it('uses network order', () => {
    assert.deepEqual(ipMessage('10.96.0.1'), { ip: { case: 'ipv4', value: 0x0a600001 } });
    assert.deepEqual(ipMessage('fd00::1:2'), { ip: { case: 'ipv6', value: { first: 0xfd00_0000_0000_0000n, last: 0x1_0002n } } });
    assert.deepEqual(ipMessage('255.255.255.255'), { ip: { case: 'ipv4', value: 4294967295 } });
  });

  it('spells as Kubernetes does and refuses what is no address', () => {
    assert.equal(canonicalIp('FD00:0:0::1'), 'fd00::1');
    assert.equal(canonicalIp('::ffff:10.0.0.1'), '10.0.0.1');
    for (const bad of ['', 'web', '1.2.3', '10.0.0.256', 'fe80::1%eth0']) assert.equal(canonicalIp(bad), undefined);
    assert.equal(ipText(create(IPAddressSchema, {})), undefined);
  });
});
