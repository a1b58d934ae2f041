import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseDurationMs, parseEnvironment, parseHost, parseHostPort, parseInteger, parseLogLevel, parsePort, parsePortList, parseQuantity, parseSubnets, parseSwitch, parseToken } from './values.ts';

const anything = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...Array.from('0123456789-,./:msKMGie +')) }));

describe('annotation values', () => {
  it('never throw and never invent a value', () => {
    fc.assert(fc.property(anything, (text) => {
      for (const parse of [parsePort, parsePortList, parseSubnets, parseDurationMs, parseQuantity, parseLogLevel, parseSwitch, parseToken, parseEnvironment, parseHost, parseHostPort]) {
        const value = parse(text);
        assert.ok(value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' || Array.isArray(value));
      }
    }));
  });

  it('a list of ports and ranges reads back as it was written', () => {
    const port = fc.integer({ min: 1, max: 65535 });
    const entry = fc.oneof(port.map(String), fc.tuple(port, port).filter(([a, b]) => a < b).map(([a, b]) => `${a}-${b}`));
    fc.assert(fc.property(fc.uniqueArray(entry), fc.constantFrom(',', ', ', ' ,'), (entries, separator) => {
      assert.deepEqual(parsePortList(entries.join(separator)), entries);
    }));
  });

  it('variables are a name with a value or with where it comes from', () => {
    const from = { name: 'B', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } };
    assert.deepEqual(parseEnvironment(JSON.stringify([{ name: 'A', value: '' }, from])), [{ name: 'A', value: '' }, from]);
    for (const bad of ['{}', '[1]', '[null]', '[{"name":"A"}]', '[{"name":"A b","value":""}]', '[{"name":"A","value":1}]', '[{"name":"A","value":"","valueFrom":{}}]', '[{"name":"A","value":"","x":1}]'])
      assert.equal(parseEnvironment(bad), null, bad);
  });

  it('numbers outside their range are refused', () => {
    fc.assert(fc.property(fc.integer(), (n) => {
      assert.equal(parsePort(String(n)), n >= 1 && n <= 65535 ? n : null);
    }));
    assert.equal(parseInteger('1e3', 0, 5000), null);
    assert.equal(parsePortList('80,70000'), null);
    assert.equal(parsePortList('200-100'), null);
  });

  it('names of container ports resolve, unknown names do not', () => {
    assert.deepEqual(parsePortList('mysql,25', new Map([['mysql', 3306]])), ['3306', '25']);
    assert.equal(parsePortList('redis', new Map([['mysql', 3306]])), null);
    assert.deepEqual(parsePortList(''), []);
    assert.deepEqual(parsePortList('7-7'), ['7']);
  });

  it('subnets of both families', () => {
    assert.deepEqual(parseSubnets('10.0.0.0/8, fd00::/8,192.0.2.1'), ['10.0.0.0/8', 'fd00::/8', '192.0.2.1/32']);
    for (const bad of ['10.0.0.0/33', '10.0.0/8', 'fd00::/129', '10.0.0.0/8/8', 'any']) assert.equal(parseSubnets(bad), null);
  });

  it('durations, in whole milliseconds', () => {
    assert.equal(parseDurationMs(' 1.5s '), 1500);
    assert.equal(parseDurationMs('2m'), 120_000);
    for (const bad of ['', '1', '-1s', '1 s', 's']) assert.equal(parseDurationMs(bad), null);
  });

  it('quantities', () => {
    for (const good of ['100m', '0.5', '1', '250Mi', '1e3', '20M', '.5']) assert.equal(parseQuantity(good), good);
    for (const bad of ['', '-1', '1 Mi', '1mi', 'lots', '1ee3']) assert.equal(parseQuantity(bad), null);
  });

  it('log levels, ours and the filters of Linkerd', () => {
    assert.equal(parseLogLevel('debug'), 'debug');
    assert.equal(parseLogLevel('warn,linkerd=info,hickory=error'), 'info');
    assert.equal(parseLogLevel('trace'), 'debug');
    assert.equal(parseLogLevel('off'), 'error');
    assert.equal(parseLogLevel('loud'), null);
  });
});
