import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseNodes } from './nodes.ts';

const address = fc.record({ type: fc.constantFrom('Hostname', 'ExternalIP', 'InternalIP'), address: fc.ipV4() });
const object = fc.record(
  {
    metadata: fc.record({ name: fc.string(), creationTimestamp: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z') }),
    spec: fc.record({ podCIDR: fc.string() }, { requiredKeys: [] }),
    status: fc.record({ addresses: fc.array(address) }, { requiredKeys: [] }),
  },
  { requiredKeys: ['metadata'] },
);

describe('parseNodes', () => {
  it('reads what kubectl prints, oldest first', () => {
    const items = [
      { metadata: { name: 'b', creationTimestamp: '2026-01-02T00:00:00Z' }, spec: { podCIDR: '10.244.1.0/24' }, status: { addresses: [{ type: 'InternalIP', address: '172.18.0.3' }] } },
      { metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: {}, status: { addresses: [{ type: 'Hostname', address: 'a' }] } },
    ];
    assert.deepEqual(parseNodes(JSON.stringify({ items })), [
      { name: 'a', ip: '', netns: null, podCIDR: '' },
      { name: 'b', ip: '172.18.0.3', netns: null, podCIDR: '10.244.1.0/24' },
    ]);
  });

  it('keeps every node, whatever is missing from it', () => {
    fc.assert(
      fc.property(fc.array(object), (items) => {
        const nodes = parseNodes(JSON.stringify({ items }));
        assert.deepEqual(nodes.map((node) => node.name).sort(), items.map((item) => item.metadata.name).sort());
        for (const node of nodes) assert.equal(typeof node.ip, 'string');
      }),
    );
  });
});
