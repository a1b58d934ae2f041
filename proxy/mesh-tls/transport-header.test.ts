import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { TransportHeaderSchema } from '../../api/gen/transport_header_pb.js';
import { decodeTransportHeader, encodeTransportHeader, TRANSPORT_ALPN, type TransportHeader } from './transport-header.ts';

const header = fc.record<TransportHeader>({ port: fc.integer({ min: 1, max: 65535 }), name: fc.string({ maxLength: 60 }), protocol: fc.constantFrom('http1', 'http2', null) }, { noNullPrototype: true });

describe('transport header', () => {
  it('comes back as it was sent, from any first part on', () => {
    fc.assert(fc.property(header, fc.uint8Array({ maxLength: 20 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (h, rest, part) => {
      const bytes = encodeTransportHeader(h);
      assert.deepEqual(decodeTransportHeader(Buffer.concat([bytes, rest])), { header: { ...h, takesRefusals: true }, length: bytes.length });
      assert.equal(decodeTransportHeader(bytes.subarray(0, Math.floor(bytes.length * part))), 'more');
    }));
  });

  it('is what protobuf-es reads', () => {
    fc.assert(fc.property(header, (h) => {
      const m = fromBinary(TransportHeaderSchema, encodeTransportHeader(h).subarray(TRANSPORT_ALPN.length + 8));
      assert.deepEqual({ port: m.port, name: m.name, protocol: m.sessionProtocol?.kind.case ?? null }, h);
    }));
  });

  it('is what linkerd2-proxy sends, who says nothing of refusals', () => {
    const body = Buffer.from([0x08, 0xc0, 0x3e, 0x1a, 2, 0x12, 0]);
    const bytes = Buffer.concat([Buffer.from(`${TRANSPORT_ALPN}\r\n\r\n\0\0\0`), Buffer.from([body.length]), body]);
    assert.deepEqual(decodeTransportHeader(bytes), { header: { port: 8000, name: '', protocol: 'http2', takesRefusals: false }, length: bytes.length });
  });

  it('is never made of other bytes', () => {
    assert.equal(decodeTransportHeader(Buffer.from('GET / HTTP/1.1\r\n')), 'bad');
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (b) => {
      decodeTransportHeader(Buffer.concat([encodeTransportHeader({ port: 1, name: '', protocol: null }).subarray(0, TRANSPORT_ALPN.length + 4), Buffer.from([0, 0, 0, b.length]), b]));
    }));
  });
});
