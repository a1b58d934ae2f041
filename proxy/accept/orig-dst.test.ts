import assert from 'node:assert/strict';
import fc from 'fast-check';
import { addrText, canonicalIp, clientAddr, ipv6Text, splitAddr, splitHostPort } from './addr.ts';
import { parseSockaddr } from './orig-dst.ts';

describe('addresses', () => {
  it('reads sockaddr_in and sockaddr_in6', () => {
    const v4 = Buffer.alloc(28);
    v4.writeUInt16LE(2, 0);
    v4.writeUInt16BE(8080, 2);
    v4.set([10, 244, 0, 7], 4);
    assert.deepEqual(parseSockaddr(v4), { ip: '10.244.0.7', port: 8080, brand: 'origDst' });
    const v6 = Buffer.alloc(28);
    v6.writeUInt16LE(10, 0);
    v6.writeUInt16BE(443, 2);
    v6.set([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 8);
    assert.deepEqual(parseSockaddr(v6), { ip: 'fd00::1', port: 443, brand: 'origDst' });
    assert.equal(parseSockaddr(Buffer.alloc(28)), null);
  });

  it('writes an IPv6 address in one way, as the kernel and RFC 5952 do', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 }), (groups) => {
      // The one exception: addresses that hold an IPv4 one are written with dots by some.
      fc.pre(!groups.slice(0, 5).every((g) => g === 0));
      const long = groups.map((g) => g.toString(16)).join(':');
      assert.equal(ipv6Text(groups), canonicalIp(long));
    }));
    assert.equal(ipv6Text([0, 0, 0, 0, 0, 0, 0, 1]), '::1');
    assert.equal(ipv6Text([0, 0, 0, 0, 0, 0, 0, 0]), '::');
  });

  it('has a text form that splits again', () => {
    assert.equal(addrText({ ip: '10.0.0.1', port: 80 }), '10.0.0.1:80');
    assert.equal(addrText({ ip: 'fd00::1', port: 80 }), '[fd00::1]:80');
    assert.deepEqual(splitAddr('[fd00::1]:80'), { ip: 'fd00::1', port: 80 });
    assert.deepEqual(splitHostPort('mesh-identity.mesh-system.svc.cluster.local:8080'), { host: 'mesh-identity.mesh-system.svc.cluster.local', port: 8080 });
    for (const bad of ['', 'x', 'x:', 'x:0', 'x:70000', ':80', 'a b:80', 'fd00::1:80']) assert.throws(() => splitHostPort(bad), RangeError, bad);
    assert.equal(clientAddr('::ffff:10.0.0.1', 1).ip, '10.0.0.1');
  });
});
