import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseTarget, targetKey } from './target.ts';

const parse = (path: string) => parseTarget(path, 'cluster.local');

describe('targets', () => {
  it('reads names, addresses and the default port', () => {
    assert.deepEqual(parse('web.shop.svc.cluster.local:8080'), { kind: 'service', name: 'web', namespace: 'shop', hostname: undefined, port: 8080 });
    assert.deepEqual(parse('Web.shop.SVC.cluster.local.'), { kind: 'service', name: 'web', namespace: 'shop', hostname: undefined, port: 80 });
    assert.deepEqual(parse('db-0.db.shop.svc.cluster.local:5432'), { kind: 'service', name: 'db', namespace: 'shop', hostname: 'db-0', port: 5432 });
    assert.deepEqual(parse('_ipv6.web.shop.svc.cluster.local:80'), { kind: 'service', name: 'web', namespace: 'shop', hostname: undefined, family: 'IPv6', port: 80 });
    assert.deepEqual(parse('10.0.0.1:80'), { kind: 'ip', ip: '10.0.0.1', port: 80 });
    assert.deepEqual(parse('[FD00::1]:443'), { kind: 'ip', ip: 'fd00::1', port: 443 });
  });

  it('refuses names outside the cluster and malformed ones', () => {
    for (const bad of [
      '', 'web', 'web.shop', 'web.shop.svc', 'example.com:80', 'web.shop.svc.other.domain', 'a.b.c.d.svc.cluster.local', '.shop.svc.cluster.local',
      'web.shop.svc.cluster.local:0', 'web.shop.svc.cluster.local:65536', 'web.shop.svc.cluster.local:x', '[web]:80', 'fd00::1:80:', 'we_b.shop.svc.cluster.local', '_ipv5.web.shop.svc.cluster.local', '_ipv6.shop.svc.cluster.local', 'db-0._ipv6.db.shop.svc.cluster.local',
    ]) assert.equal(parse(bad), undefined, bad);
  });

  it('has one key for each target, which reads back', () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
    const port = fc.integer({ min: 1, max: 65_535 });
    const service = fc.record({ kind: fc.constant('service' as const), name: label, namespace: label, hostname: fc.option(label, { nil: undefined }), port });
    const inFamily = fc.record({ kind: fc.constant('service' as const), name: label, namespace: label, hostname: fc.constant(undefined), family: fc.constantFrom('IPv4' as const, 'IPv6' as const), port });
    const address = fc.record({ kind: fc.constant('ip' as const), ip: fc.oneof(fc.ipV4(), fc.constantFrom('fd00::1', '::1', '2001:db8::2:1')), port });
    fc.assert(fc.property(fc.oneof(service, inFamily, address), (target) => {
      assert.deepEqual(parse(targetKey(target, 'cluster.local')), { ...target });
    }));
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parse(text)));
  });
});
