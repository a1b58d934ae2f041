/** Captured packets: what of a pcap file and of a TLS handshake the tests read. */

export interface Packet { src: string; srcPort: number; dst: string; dstPort: number; payload: Buffer }

const FILE_HEADER = 24;
const PACKET_HEADER = 16;
/** LINKTYPE_LINUX_SLL: 16 bytes before the IP header. */
const COOKED_HEADER = 16;

/** TCP payloads of a pcap file of IPv4 in Linux cooked capture (pcap-savefile(5), little endian as tcpdump writes it here). */
export function parsePcap(file: Buffer): Packet[] {
  const packets: Packet[] = [];
  for (let at = FILE_HEADER; at + PACKET_HEADER <= file.length;) {
    const length = file.readUInt32LE(at + 8);
    // The last packet may not be whole yet.
    if (at + PACKET_HEADER + length > file.length) break;
    const ip = file.subarray(at + PACKET_HEADER + COOKED_HEADER, at + PACKET_HEADER + length);
    at += PACKET_HEADER + length;
    if (ip.length < 20 || ip[0]! >> 4 !== 4) continue;
    const tcp = ip.subarray((ip[0]! & 15) * 4, ip.readUInt16BE(2));
    if (tcp.length < 20) continue;
    const address = (offset: number) => Array.from(ip.subarray(offset, offset + 4)).join('.');
    packets.push({ src: address(12), srcPort: tcp.readUInt16BE(0), dst: address(16), dstPort: tcp.readUInt16BE(2), payload: tcp.subarray((tcp[12]! >> 4) * 4) });
  }
  return packets;
}

const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const SUPPORTED_VERSIONS = 43;

/** Version that a whole ServerHello at the start of these bytes settles on (0x0304 is TLS 1.3; RFC 8446 4.1.3, 4.2.1), or undefined if there is none. */
export function serverHelloVersion(payload: Buffer): number | undefined {
  if (payload.length < 44 || payload[0] !== HANDSHAKE || payload[5] !== SERVER_HELLO) return undefined;
  const sessionId = 5 + 4 + 2 + 32;
  const extensions = sessionId + 1 + payload[sessionId]! + 2 + 1;
  if (extensions + 2 > payload.length) return undefined;
  const end = extensions + 2 + payload.readUInt16BE(extensions);
  if (end > payload.length) return undefined;
  for (let at = extensions + 2; at + 6 <= end; at += 4 + payload.readUInt16BE(at + 2)) {
    if (payload.readUInt16BE(at) === SUPPORTED_VERSIONS) return payload.readUInt16BE(at + 4);
  }
  return payload.readUInt16BE(9);
}
