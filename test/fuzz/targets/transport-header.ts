/** The transport header: more bytes never change a verdict, and what is read is what protobuf-es reads. */
import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { TransportHeaderSchema } from '../../../api/gen/transport_header_pb.js';
import { TRANSPORT_ALPN, decodeTransportHeader, encodeTransportHeader } from '../../../proxy/mesh-tls/transport-header.ts';
import { hex, text, type Target } from '../target.ts';

const START = TRANSPORT_ALPN.length + 8;

export const transportHeader: Target = {
  name: 'transport-header',
  words: [...text(TRANSPORT_ALPN, '\r\n\r\n', 'name.example'), ...hex('00000002', '0850', '08ffff03', '1200', '120161', '1a020a00', '1a021200', '1a00', '20ff01', '22020a0b', '0b', '0c', 'ffffffffffffffffff01')],
  seeds: () => [
    encodeTransportHeader({ port: 80, name: '', protocol: 'http2' }), encodeTransportHeader({ port: 65535, name: 'a.example', protocol: 'http1' }),
    Buffer.concat([encodeTransportHeader({ port: 1, name: '', protocol: null }), Buffer.from('rest')]),
  ],
  run(input, random) {
    const verdict = decodeTransportHeader(input);
    for (const cut of random.cuts(input.length)) {
      const part = decodeTransportHeader(input.subarray(0, cut));
      if (part !== 'more') assert.deepEqual(part, verdict, `after ${cut} bytes another verdict`);
    }
    if (typeof verdict === 'string') return verdict;
    const m = fromBinary(TransportHeaderSchema, input.subarray(START, verdict.length));
    assert.deepEqual(verdict.header, { port: m.port, name: m.name, protocol: m.sessionProtocol?.kind.case ?? null, takesRefusals: m.takesRefusals });
    return `${verdict.header.protocol} ${verdict.header.name === ''} ${verdict.length === input.length}`;
  },
};
