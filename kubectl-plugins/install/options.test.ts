import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { UsageError } from '../shared/errors.ts';
import { installArgs } from '../testing/installed.ts';
import { validate } from './options.ts';

const message = (given: Record<string, unknown>): string => {
  try {
    validate(installArgs(given));
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
  return 'accepted';
};

describe('options of install', () => {
  it('are complete by default', () => {
    const options = validate(installArgs());
    assert.equal(options.timeoutMs, 300_000);
    assert.equal(options.wait, true);
    assert.equal(options.config.identity.issuanceLifetimeSeconds, 86_400);
    assert.deepEqual(options.config.proxy.skipInboundPorts, ['4567', '4568']);
    assert.equal('cpuLimit' in options.config.proxy, false);
  });

  it('refuse what the cluster could not use, and say what it takes', () => {
    assert.match(message({ 'trust-domain': 'Example_Org' }), /^--trust-domain takes a DNS name/);
    assert.match(message({ registry: 'a b' }), /^--registry takes what stands before/);
    assert.match(message({ timeout: '5' }), /^--timeout takes a duration/);
    assert.match(message({ timeout: '1ms' }), /too short/);
    assert.match(message({ 'issuance-lifetime': '10s' }), /too short; the least is 1m/);
    assert.match(message({ 'issuance-lifetime': '60500ms' }), /whole seconds/);
    assert.match(message({ 'proxy-cpu-request': '100Mi' }), /^--proxy-cpu-request takes a quantity/);
    assert.match(message({ 'proxy-memory-limit': '100m' }), /^--proxy-memory-limit takes a quantity/);
    assert.match(message({ 'opaque-ports': '80-90' }), /"80-90" is none/);
    assert.match(message({ 'skip-inbound-ports': '90-80' }), /"90-80" is neither/);
    assert.match(message({ 'skip-inbound-ports': '0' }), /"0" is none/);
    assert.match(message({ 'cluster-networks': '10.0.0.0' }), /"10.0.0.0" is none/);
    assert.match(message({ 'cluster-networks': '10.0.0.0/33' }), /is none/);
    assert.match(message({ 'identity-issuer-key-file': 'key.pem' }), /come as three files/);
    assert.match(message({ 'issuer-lifetime': '24h' }), /--issuer-lifetime has to be at least 3 times --issuance-lifetime.*make it 259200s or more/);
    assert.match(message({ 'anchor-lifetime': '720h' }), /--anchor-lifetime has to be at least 3 times --issuer-lifetime/);
  });

  it('take ports and ranges that are some, and nothing else', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 65_535 }), (a, b) => {
      const text = `${a}-${b}`;
      assert.equal(message({ 'skip-outbound-ports': text }) === 'accepted', a <= b);
    }));
    fc.assert(fc.property(fc.string(), (text) => {
      const said = message({ 'skip-outbound-ports': text });
      if (said !== 'accepted') return;
      for (const part of text.split(',').map((p) => p.trim()).filter(Boolean)) assert.match(part, /^\d+(-\d+)?$/);
    }));
  });
});
