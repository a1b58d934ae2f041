/** Messages of the control plane: only WireError is thrown, and what is taken protobuf-es takes too, as the same message. */
import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { UpdateSchema } from '../../../api/gen/destination_pb.js';
import { OutboundPolicySchema } from '../../../api/gen/outbound_pb.js';
import * as tables from '../../../api/gen/tables.ts';
import { WireError, decode, encode, type AnyTable } from '../../../lib/grpc/wire.ts';
import { hex, text, type Target } from '../target.ts';

/** Unknown fields are dropped by ours and kept by protobuf-es: compared is what is known. */
const known = { writeUnknownFields: false } as const;

function check(input: Buffer): string {
  const verdicts: string[] = [];
  for (const [name, table, schema] of [['update', tables.destination_Update, UpdateSchema], ['policy', tables.outbound_OutboundPolicy, OutboundPolicySchema]] as const) {
    let message;
    try {
      message = decode(table as AnyTable, input);
    } catch (e) {
      if (!(e instanceof WireError)) throw e;
      verdicts.push(`${name} ${e.message.replaceAll(/[0-9]+/g, 'n').slice(0, 60)}`);
      continue;
    }
    const again = encode(table as AnyTable, message as never);
    assert.deepEqual(decode(table as AnyTable, again), message, `${name}: encoded and decoded it is another message`);
    const theirs = fromBinary(schema as typeof UpdateSchema, input);
    assert.deepEqual(fromBinary(schema as typeof UpdateSchema, again), fromBinary(schema as typeof UpdateSchema, toBinary(schema as typeof UpdateSchema, theirs, known)), `${name}: another message for protobuf-es`);
    verdicts.push(`${name} ok`);
  }
  return verdicts.join();
}

export const protobuf: Target = {
  name: 'protobuf',
  words: [...hex('0a', '12', '1a', '22', '08', '0800', '0801', '0d00000000', '0900000000 00000000', '0b', '0c', '80', 'ff', '0a00', '0a02', 'ffffffffffffffffff01', 'ffffffffffffffffffff01', 'c23e', '00', '07', 'f83e01'), ...text('name', '\xff\xfe')],
  seeds: () => [
    Buffer.from(toBinary(UpdateSchema, create(UpdateSchema, {
      update: { case: 'add', value: { metricLabels: { a: 'b' }, addrs: [{ addr: { ip: { ip: { case: 'ipv4', value: 0x7f000001 } }, port: 80 }, weight: 10_000, metricLabels: { pod: 'x' },
        tlsIdentity: { strategy: { case: 'dnsLikeIdentity', value: { name: 'id' } } } }] } },
    }))),
    Buffer.from(toBinary(UpdateSchema, create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: true } } }))),
    Buffer.from(toBinary(OutboundPolicySchema, create(OutboundPolicySchema, {
      metadata: { kind: { case: 'resource', value: { group: 'core', kind: 'Service', name: 'a', namespace: 'b', port: 80 } } },
      protocol: { kind: { case: 'opaque', value: { routes: [{ metadata: { kind: { case: 'default', value: 'd' } } }] } } },
    }))),
    Buffer.alloc(0),
  ],
  run: check,
};
