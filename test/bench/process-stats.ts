import { readFileSync, readdirSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU seconds. */
export interface CpuTimes { user: number; kernel: number }

/** CPU seconds that a process and its threads have used. */
export function cpuTimes(pid: number): CpuTimes {
  return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

export function parseStat(stat: string): CpuTimes {
  // The second field is the program's name in brackets, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user: Number(fields[11]) / TICKS_PER_SECOND, kernel: Number(fields[12]) / TICKS_PER_SECOND };
}

/** Anonymous (private, not file-backed) memory of a process, MB of 10^6 bytes. */
export function anonymousMb(pid: number): number {
  return parseAnonymous(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
}

export function parseAnonymous(rollup: string): number {
  const m = /^Anonymous:\s+(\d+) kB$/m.exec(rollup);
  if (m === null) throw new Error('smaps_rollup has no Anonymous line');
  return (Number(m[1]) * 1024) / 1e6;
}

/** Processes on this machine whose command line holds `part`. */
export function processesWith(part: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      if (command.includes(part)) found.push({ pid: Number(entry), command });
    } catch {
      // The process ended in between.
    }
  }
  return found;
}

/** Samples the summed anonymous memory of processes until stopped; then tells the highest. */
export class PeakMemory {
  private peak = 0;
  private readonly pids: number[];
  private readonly timer: NodeJS.Timeout;

  constructor(pids: number[]) {
    this.pids = pids;
    this.timer = setInterval(() => this.sample(), 250);
  }

  private sample(): void {
    this.peak = Math.max(this.peak, this.pids.reduce((n, pid) => n + anonymousMb(pid), 0));
  }

  stop(): number {
    clearInterval(this.timer);
    this.sample();
    return this.peak;
  }
}
