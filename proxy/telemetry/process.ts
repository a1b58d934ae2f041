import fs from 'node:fs';
import type { CertifyStats } from '../discover/certify.ts';
import { held } from '../io/held.ts';
import type { Registry } from './registry.ts';

/** Process and certificate gauges, read when metrics are asked for (Linux /proc). */
export function reportProcess(registry: Registry, certificate: CertifyStats): void {
  const cpu = registry.counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.').permanent({});
  const rss = registry.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.').permanent({});
  const anonymous = registry.gauge('process_anonymous_memory_bytes', 'Private memory that is not backed by a file, in bytes.').permanent({});
  const holding = registry.gauge('proxy_held_bytes', 'Memory held for connections: bytes that peers have not taken and messages they have not finished.').permanent({});
  const fds = registry.gauge('process_open_fds', 'Number of open file descriptors.').permanent({});
  const virtual = registry.gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.').permanent({});
  const threads = registry.gauge('process_threads', 'Number of threads of the process.').permanent({});
  const maxFds = registry.gauge('process_max_fds', 'Maximum number of open file descriptors.').permanent({});
  const uptime = registry.counter('process_uptime_seconds_total', 'Seconds since the process started.').permanent({});
  const start = registry.gauge('process_start_time_seconds', 'Time that the process started, seconds since the epoch.').permanent({});
  start.value = Math.round(performance.timeOrigin) / 1000;
  const expires = registry.gauge('identity_cert_expiration_timestamp_seconds', 'Time when the leaf expires, seconds since the epoch.').permanent({});
  const refreshed = registry.gauge('identity_cert_refresh_timestamp_seconds', 'Time of the last certification, seconds since the epoch.').permanent({});
  const refreshes = registry.counter('identity_cert_refreshes_total', 'Total count of certifications.').permanent({});
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage();
    cpu.value = (user + system) / 1e6;
    const status = readProc('/proc/self/status');
    rss.value = kilobytes(status, 'VmRSS');
    anonymous.value = kilobytes(status, 'RssAnon');
    virtual.value = kilobytes(status, 'VmSize');
    threads.value = Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    holding.value = held.total;
    fds.value = countFds();
    maxFds.value = Number(/^Max open files\s+(\d+)/m.exec(readProc('/proc/self/limits'))?.[1] ?? 0);
    uptime.value = Math.round(process.uptime() * 1000) / 1000;
    expires.value = certificate.notAfter / 1000;
    refreshed.value = certificate.refreshedAt / 1000;
    refreshes.value = certificate.refreshes;
  });
}

function kilobytes(status: string, name: string): number {
  const m = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status);
  return m === null ? 0 : Number(m[1]) * 1024;
}

function readProc(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // not Linux: the gauges stay 0
  }
}

function countFds(): number {
  try {
    return fs.readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
