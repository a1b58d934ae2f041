import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { issueServing } from '../../lib/serving/issue.ts';
import { parsePcap, serverHelloVersion, type Packet } from './pcap.ts';

/** A pcap file of these packets, as tcpdump writes it with -y LINUX_SLL. */
function pcapOf(packets: Packet[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  return Buffer.concat([header, ...packets.flatMap(({ src, srcPort, dst, dstPort, payload }) => {
    const ip = Buffer.alloc(20);
    ip[0] = 0x45;
    ip.writeUInt16BE(40 + payload.length, 2);
    ip.set(src.split('.').map(Number), 12);
    ip.set(dst.split('.').map(Number), 16);
    const tcp = Buffer.alloc(20);
    tcp.writeUInt16BE(srcPort, 0);
    tcp.writeUInt16BE(dstPort, 2);
    tcp[12] = 0x50;
    const data = Buffer.concat([Buffer.alloc(16), ip, tcp, payload]);
    const about = Buffer.alloc(16);
    about.writeUInt32LE(data.length, 8);
    about.writeUInt32LE(data.length, 12);
    return [about, data];
  })]);
}

const port = fc.integer({ min: 0, max: 65535 });
const packet: fc.Arbitrary<Packet> = fc.record({ src: fc.ipV4(), srcPort: port, dst: fc.ipV4(), dstPort: port, payload: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) }, { noNullPrototype: true });

describe('parsePcap', () => {
  it('reads back what was captured, and of a file that is being written the whole packets', () => {
    fc.assert(fc.property(fc.array(packet, { maxLength: 8 }), fc.nat(), (packets, cut) => {
      const file = pcapOf(packets);
      assert.deepEqual(parsePcap(file), packets);
      const part = parsePcap(file.subarray(0, cut % (file.length + 1)));
      assert.deepEqual(part, packets.slice(0, part.length));
    }));
  });
});

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

/** What a TLS server of this version sends, as a relay between it and its client sees it. */
async function sentBy(version: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
  const { cert, key } = await issueServing(['localhost'], Date.now(), 60_000);
  const server = tls.createServer({ cert, key, minVersion: version, maxVersion: version }, (socket) => void socket.resume().on('error', () => undefined));
  const port = await listening(server);
  const bytes: Buffer[] = [];
  const relay = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1').on('data', (chunk: Buffer) => void bytes.push(chunk));
    near.pipe(far).pipe(near);
  });
  const client = tls.connect({ port: await listening(relay), host: '127.0.0.1', rejectUnauthorized: false });
  await once(client, 'secureConnect');
  client.end();
  for (const one of [relay, server]) {
    one.close();
    await once(one, 'close');
  }
  return Buffer.concat(bytes);
}

describe('serverHelloVersion', () => {
  it('tells TLS 1.3 from 1.2', async () => {
    assert.equal(serverHelloVersion(await sentBy('TLSv1.3')), 0x0304);
    assert.equal(serverHelloVersion(await sentBy('TLSv1.2')), 0x0303);
  });

  it('finds none in anything else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      if (bytes[0] !== 22 || bytes[5] !== 2) assert.equal(serverHelloVersion(Buffer.from(bytes)), undefined);
    }));
  });

  it('reads no further than the bytes go', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 44, maxLength: 120 }), (bytes) => {
      const payload = Buffer.from(bytes);
      payload[0] = 22;
      payload[5] = 2;
      serverHelloVersion(payload);
    }));
  });
});
