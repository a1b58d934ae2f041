import assert from 'node:assert/strict';
import { create, fromBinary, ScalarType, toBinary, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import * as tables from '../../api/gen/tables.ts';
import { file_destination } from '../../api/gen/destination_pb.js';
import { file_identity } from '../../api/gen/identity_pb.js';
import { file_inbound } from '../../api/gen/inbound_pb.js';
import { file_outbound } from '../../api/gen/outbound_pb.js';
import { file_tap } from '../../api/gen/tap_pb.js';
import { file_transport_header } from '../../api/gen/transport_header_pb.js';
import { tableName } from '../../api/codegen/tables.ts';
import { decode, encode, MAX_DEPTH, WireError, type AnyTable } from './wire.ts';

const FILES = [file_destination, file_identity, file_inbound, file_outbound, file_tap, file_transport_header];
function* withNested(all: readonly DescMessage[]): Generator<DescMessage> {
  for (const m of all) {
    if (!m.proto.options?.mapEntry) yield m;
    yield* withNested(m.nestedMessages);
  }
}
const messages = FILES.flatMap((f) => [...withNested(f.messages)]);

function tableOf(m: DescMessage): AnyTable {
  const t = (tables as unknown as Record<string, AnyTable>)[tableName(m)];
  assert.ok(t, `no table for ${m.typeName}`);
  return t;
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 });

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING: return text;
    case ScalarType.BYTES: return fc.uint8Array({ maxLength: 200 });
    case ScalarType.BOOL: return fc.boolean();
    case ScalarType.UINT32: case ScalarType.FIXED32: return fc.integer({ min: 0, max: 0xffffffff });
    case ScalarType.INT32: return fc.integer({ min: -0x80000000, max: 0x7fffffff });
    case ScalarType.UINT64: case ScalarType.FIXED64: return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.INT64: return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.FLOAT: return fc.float({ noNaN: true });
    case ScalarType.DOUBLE: return fc.double({ noNaN: true });
    default: throw new Error(`no arbitrary for ${ScalarType[type]}`);
  }
}

function value(f: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (f.fieldKind) {
    case 'scalar': return scalar(f.scalar);
    case 'enum': return fc.constantFrom(...f.enum.values.map((v) => v.number));
    case 'message': return init(f.message, depth);
    case 'map': return fc.dictionary(text.filter((k) => k !== '__proto__'), text, { maxKeys: 3, noNullPrototype: true });
    case 'list': return fc.array(f.listKind === 'message' ? init(f.message, depth) : scalar(f.listKind === 'scalar' ? f.scalar : ScalarType.STRING), { maxLength: 3 });
  }
}

/** Any message of the type, as an init object; `depth` bounds recursion. */
function init(m: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const member of m.members) {
    if (member.kind === 'oneof') {
      const cases = depth > 0 ? member.fields : member.fields.filter((f) => f.fieldKind !== 'message');
      if (cases.length > 0) fields[member.localName] = fc.oneof(...cases.map((f) => fc.record({ case: fc.constant(f.localName), value: value(f, depth - 1) })));
    } else if (depth > 0 || (member.fieldKind !== 'message' && member.fieldKind !== 'list')) fields[member.localName] = value(member, depth - 1);
  }
  return fc.record(fields, { requiredKeys: [] });
}

const anyMessage = fc.constantFrom(...messages).chain((desc) => init(desc, 4).map((plain) => ({ desc, plain })));

/** A protobuf-es message without what only its own runtime needs. */
function strip(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(strip);
  if (v === null || typeof v !== 'object' || v instanceof Uint8Array) return v;
  return Object.fromEntries(Object.entries(v).filter(([k]) => k !== '$typeName' && k !== '$unknown').map(([k, x]) => [k, strip(x)]));
}

function attempt(f: () => unknown): unknown {
  try {
    return f();
  } catch (e) {
    assert.ok(e instanceof WireError, `threw ${String(e)}`);
    return e;
  }
}

const spec = tables.outbound_TrafficSpec;
const code = (bytes: number[], t: AnyTable = spec): string => {
  const e = attempt(() => decode(t, Uint8Array.from(bytes)));
  return e instanceof WireError ? e.code : 'accepted';
};

describe('protobuf wire format', () => {
  it('decodes what protobuf-es encodes, for every message of the API', () => {
    fc.assert(fc.property(anyMessage, ({ desc, plain }) => {
      const message = create(desc, plain) as Message;
      assert.deepEqual(decode(tableOf(desc), toBinary(desc, message)), strip(message));
    }), { numRuns: 1000 });
  });

  it('encodes to the bytes of protobuf-es', () => {
    fc.assert(fc.property(anyMessage, ({ desc, plain }) => {
      assert.deepEqual(Buffer.from(encode(tableOf(desc), plain)), Buffer.from(toBinary(desc, create(desc, plain) as Message)));
    }), { numRuns: 1000 });
  });

  it('throws nothing but WireError on random and on damaged bytes, and takes nothing that protobuf-es refuses', () => {
    const damaged = anyMessage.chain(({ desc, plain }) => {
      const good = toBinary(desc, create(desc, plain) as Message);
      return fc.record({
        desc: fc.constant(desc),
        bytes: fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          fc.array(fc.tuple(fc.nat(Math.max(0, good.length - 1)), fc.nat(255)), { maxLength: 4 }).map((edits) => {
            const bytes = Uint8Array.from(good);
            for (const [at, b] of edits) if (at < bytes.length) bytes[at] = b;
            return bytes;
          }),
          fc.nat(good.length).map((n) => good.slice(0, n)),
        ),
      });
    });
    fc.assert(fc.property(damaged, ({ desc, bytes }) => {
      const ours = attempt(() => decode(tableOf(desc), bytes));
      if (ours instanceof WireError) return;
      assert.deepEqual(ours, strip(fromBinary(desc, bytes)));
    }), { numRuns: 2000 });
  });

  it('skips unknown fields of every wire type', () => {
    const known = encode(spec, { sourceWorkload: 'pod', target: { case: 'authority', value: 'a:1' } });
    const unknown = [0xc0, 0x3e, 0x81, 0x01, 0xc1, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8, 0xc2, 0x3e, 2, 9, 9, 0xc5, 0x3e, 1, 2, 3, 4];
    assert.deepEqual(decode(spec, Buffer.concat([Buffer.from(unknown), known, Buffer.from(unknown)])), decode(spec, known));
  });

  it('merges a message that comes twice, and the last case of a oneof wins', () => {
    const twice = Buffer.concat([
      encode(spec, { target: { case: 'authority', value: 'a:1' } }),
      encode(spec, { target: { case: 'addr', value: { port: 80 } } }),
      encode(spec, { target: { case: 'addr', value: { ip: { ip: { case: 'ipv4', value: 1 } } } } }),
    ]);
    assert.deepEqual(decode(spec, twice).target, { case: 'addr', value: { port: 80, ip: { ip: { case: 'ipv4', value: 1 } } } });
  });

  it('says what is wrong with the input', () => {
    assert.equal(code([0x0a, 0x05, 0x61]), 'truncated');
    assert.equal(code([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]), 'truncated');
    assert.equal(code([0x0a]), 'truncated');
    assert.equal(code([0x08, 0x01]), 'wire-type', 'a varint in a string field');
    assert.equal(code([0x7b, 0x7c]), 'wire-type', 'a group');
    assert.equal(code([0x7e]), 'wire-type', 'wire type 6');
    assert.equal(code([0x02, 0x00]), 'tag', 'field number 0');
    assert.equal(code([0x80, 0x80, 0x80, 0x80, 0x10]), 'tag', 'field number over 29 bits');
    assert.equal(code([0x10, ...Array<number>(10).fill(0xff), 0x01], tables.net_TcpAddress), 'varint');
    assert.equal(code([0x10, ...Array<number>(9).fill(0xff), 0x02], tables.net_TcpAddress), 'varint');
    assert.equal(code([0x0a, 0x02, 0xc3, 0x28]), 'utf8');
  });

  it('bounds nesting', () => {
    const nested = (levels: number): Buffer => {
      let bytes: Buffer = Buffer.alloc(0);
      for (let i = 0; i < levels; i++) {
        const w = Buffer.alloc(6);
        w[0] = (3 << 3) | 2;
        let n = bytes.length;
        let at = 1;
        for (; n > 0x7f; n >>>= 7) w[at++] = (n & 0x7f) | 0x80;
        w[at++] = n;
        bytes = Buffer.concat([w.subarray(0, at), bytes]);
      }
      return bytes;
    };
    assert.ok(decode(tables.destination_RequestMatch, nested(MAX_DEPTH - 1)));
    assert.throws(() => decode(tables.destination_RequestMatch, nested(MAX_DEPTH)), { name: 'WireError', code: 'depth' });
  });

  it('keeps a __proto__ label a label', () => {
    const m = decode(tables.destination_WeightedAddrSet, encode(tables.destination_WeightedAddrSet, { metricLabels: JSON.parse('{"__proto__":"x"}') as Record<string, string> }));
    assert.deepEqual(Object.entries(m.metricLabels), [['__proto__', 'x']]);
    assert.equal(Object.getPrototypeOf(m.metricLabels), Object.prototype);
  });

  it('refuses to encode what a field cannot carry', () => {
    const bad = (f: () => unknown): void => {
      assert.throws(f, { name: 'WireError', code: 'value' });
    };
    bad(() => encode(tables.net_TcpAddress, { port: -1 }));
    bad(() => encode(tables.net_TcpAddress, { port: 1.5 }));
    bad(() => encode(tables.net_TcpAddress, { port: 2 ** 32 }));
    bad(() => encode(tables.net_IPv6, { first: 2n ** 64n }));
    bad(() => encode(tables.google_protobuf_Duration, { seconds: 2n ** 63n }));
    bad(() => encode(spec, { sourceWorkload: '\ud800' }));
  });
});
