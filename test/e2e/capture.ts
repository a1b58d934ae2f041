/** Packets as they pass the node: tcpdump in its network namespace, read packet by packet. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parsePcap, type Packet } from '../mesh/pcap.ts';
import { waitFor } from './steps.ts';
import { world } from './world.ts';

export interface Capture {
  /** Waits until a packet that answers the question has been captured: all that passed before it then have, too. */
  until(what: string, seen: (packets: Packet[]) => boolean): Promise<Packet[]>;
  stop(): Promise<void>;
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
