/** Packets as they pass the node: tcpdump in its network namespace, read packet by packet. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { waitFor } from './steps.ts';
import { world } from './world.ts';

export interface Packet { src: string; srcPort: number; dst: string; dstPort: number; payload: Buffer }

export interface Capture {
  /** Waits until a packet that answers the question has been captured: all that passed before it then have, too. */
  until(what: string, seen: (packets: Packet[]) => boolean): Promise<Packet[]>;
  stop(): Promise<void>;
}

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

/** Captures what goes to or from pods of the node; resolves when it runs. */
export async function capture(): Promise<Capture> {
  const { netns, podCIDR } = world().node;
  // Kubelet and container runtime talk over the loopback interface, test programs included: only addresses of pods count.
  const args = [`--net=${netns}`, 'tcpdump', '-i', 'any', '-y', 'LINUX_SLL', '-s', '0', '-B', '65536', '--immediate-mode', '-U', '-w', '-', `tcp and net ${podCIDR} and not net 127.0.0.0/8`];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => void chunks.push(chunk));
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  let errors = '';
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      errors += `${line}\n`;
      if (line.includes('listening on')) resolve();
    });
    child.once('error', reject);
    void ended.then(() => reject(new Error(`tcpdump ended: ${errors}`)));
  });
  return {
    until: (what, seen) => waitFor(what, () => {
      const packets = parsePcap(Buffer.concat(chunks));
      return Promise.resolve(seen(packets) && packets);
    }),
    stop: async () => {
      child.kill('SIGINT');
      await ended;
    },
  };
}

const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const SUPPORTED_VERSIONS = 43;

/** Version that a ServerHello at the start of these bytes settles on (0x0304 is TLS 1.3; RFC 8446 4.1.3, 4.2.1), or undefined if there is none. */
export function serverHelloVersion(payload: Buffer): number | undefined {
  if (payload.length < 44 || payload[0] !== HANDSHAKE || payload[5] !== SERVER_HELLO) return undefined;
  let at = 5 + 4 + 2 + 32;
  at += 1 + payload[at]! + 2 + 1;
  const end = Math.min(at + 2 + payload.readUInt16BE(at), payload.length);
  for (at += 2; at + 4 <= end; at += 4 + payload.readUInt16BE(at + 2)) {
    if (payload.readUInt16BE(at) === SUPPORTED_VERSIONS) return payload.readUInt16BE(at + 4);
  }
  return payload.readUInt16BE(9);
}
