import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Decoder } from './decoder.ts';
import { Encoder } from './encoder.ts';
import { SensitiveNames } from './sensitive.ts';

function encode(encoder: Encoder, fields: string[]): Buffer {
  let bound = Encoder.BEGIN;
  for (let i = 0; i < fields.length; i += 2) bound += Encoder.bound(fields[i]!, fields[i + 1]!);
  const out = Buffer.alloc(bound + 3);
  encoder.begin(out, 3);
  for (let i = 0; i < fields.length; i += 2) encoder.field(fields[i]!, fields[i + 1]!);
  const end = encoder.finish();
  assert.ok(end <= out.length);
  return out.subarray(3, end);
}

const token = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-_'.split('')), minLength: 1, maxLength: 20 })
  .filter((s) => !['host', 'te', 'cookie', 'upgrade', 'connection'].includes(s));
const value = fc.string({ unit: fc.constantFrom(...'abcXYZ019 =;,/"é'.split('')), maxLength: 60 }).map((s) => Buffer.from(s, 'latin1').toString('latin1').trim());
const field = fc.oneof(
  fc.tuple(token, value),
  // Few names and values, so that they come again.
  fc.tuple(fc.constantFrom('accept', 'user-agent', 'x-a', 'authorization', 'date', 'accept-encoding'), fc.constantFrom('a', 'b', 'gzip, deflate', 'c'.repeat(700), '')),
);
const blocks = fc.array(fc.record({ fields: fc.array(field, { maxLength: 12 }), limit: fc.option(fc.constantFrom(0, 40, 100, 500, 4096, 65536), { freq: 4 }) }), { maxLength: 40 });

describe('hpack: encoder', () => {
  it('is decoded to what it was given, whatever the table size changes between', () => {
    fc.assert(fc.property(blocks, (list) => {
      const encoder = new Encoder();
      const decoder = new Decoder(1 << 20);
      for (const { fields, limit } of list) {
        if (limit !== null) encoder.setLimit(limit);
        const flat = fields.flat();
        const bytes = encode(encoder, flat);
        const block = decoder.decode(bytes, 0, bytes.length);
        assert.equal(block.malformed, '');
        assert.deepEqual(block.fields, flat);
      }
    }), { numRuns: 300 });
  });

  it('sends what repeats as one octet', () => {
    const encoder = new Encoder();
    const fields = ['user-agent', 'x/1.0', 'accept', '*/*', 'grpc-encoding', 'identity'];
    assert.ok(encode(encoder, fields).length > 20);
    assert.equal(encode(encoder, fields).length, 3);
  });

  it('stops inserting names whose values never repeat, so that others stay', () => {
    const encoder = new Encoder();
    const size = (i: number): number => encode(encoder, ['user-agent', 'x/1.0', 'x-trace', `value-${i}`]).length;
    size(0);
    for (let i = 1; i < 60; i++) size(i);
    const bytes = encode(encoder, ['user-agent', 'x/1.0', 'x-trace', 'value-x']);
    assert.equal(bytes[0]! & 0x80, 0x80);
    assert.equal(bytes[1]! & 0xf0, 0);
  });

  it('never indexes secrets, nor names that a peer sent so', () => {
    const encoder = new Encoder();
    for (let i = 0; i < 3; i++) {
      assert.equal(encode(encoder, ['authorization', 'Bearer a'])[0]! & 0xf0, 0x10);
      assert.equal(encode(encoder, ['cookie', 'a=b'])[0]! & 0xf0, 0x10);
    }
    assert.equal(encode(encoder, ['x-api-key', 'k'])[0]! & 0xc0, 0x40);
    const bytes = Buffer.concat([Buffer.from([0x10, 9]), Buffer.from('x-api-key'), Buffer.from([1]), Buffer.from('k')]);
    new Decoder(65536).decode(bytes, 0, bytes.length);
    assert.equal(encode(encoder, ['x-api-key', 'k'])[0]! & 0xf0, 0x10);
  });

  it('announces the lowest and the last table size between two blocks', () => {
    const encoder = new Encoder();
    encode(encoder, ['a', 'b']);
    encoder.setLimit(0);
    encoder.setLimit(200);
    assert.deepEqual([...encode(encoder, [])], [0x20, 0x3f, 200 - 31, 1]);
    assert.deepEqual([...encode(encoder, [])], []);
    assert.equal(encode(encoder, ['x-announced', 'b'])[0]! & 0xc0, 0x40);
  });

  it('keeps its bookkeeping small when names never repeat', () => {
    const encoder = new Encoder();
    const decoder = new Decoder(65536);
    for (let i = 0; i < 2000; i++) {
      const fields = [`x-${i}`, String(i), 'accept', '*/*'];
      const bytes = encode(encoder, fields);
      assert.deepEqual(decoder.decode(bytes, 0, bytes.length).fields, fields);
    }
  });
});

describe('hpack: names of secrets', () => {
  it('are remembered up to a number, and beyond it every unknown name counts as one', () => {
    const names = new SensitiveNames();
    assert.equal(names.has('x-quite-ordinary'), false);
    assert.equal(names.has('y'.repeat(100)), true);
    for (let i = 0; i < 400; i++) names.note(`x-secret-${i}`);
    assert.equal(names.has('x-secret-3'), true);
    assert.equal(names.has('x-secret-399'), true);
    assert.equal(names.has('x-quite-ordinary'), true);
    assert.equal(names.has('user-agent'), false);
  });
});
