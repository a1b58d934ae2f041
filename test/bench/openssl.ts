/** What openssl's own server and client move over one TLS 1.3 connection, both on one core: the measure for bulk transfers over a pair of proxies. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { LoadCase } from './cases.ts';
import { Background, must, sleep } from './children.ts';
import type { Pods } from './netns.ts';
import { cpuTimes } from './process-stats.ts';
import type { Row } from './speed.ts';

export const OPENSSL = 'openssl';
const PORT = 9443;

/** Bytes that a process has written so far, to /dev/null too. */
function written(pid: number): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))![1]);
}

/** From the server's pod to the client's for so many seconds, with an ECDSA P-256 certificate as in the mesh. */
export async function measureOpenssl(pods: Pods, dir: string, core: number, seconds: number, c: LoadCase): Promise<Row> {
  const [key, cert] = [path.join(dir, 'openssl.key'), path.join(dir, 'openssl.crt')];
  await must(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=bench']);
  const on = (pod: Pods['client'], name: string, command: string): Background => new Background(name, pod.in('taskset', '-c', String(core), 'sh', '-c', `exec ${command}`));
  const server = on(pods.server, 'openssl s_server', `openssl s_server -quiet -tls1_3 -accept ${PORT} -key ${key} -cert ${cert} < /dev/zero`);
  await sleep(500);
  // Its input stays open: the end of it would end the connection.
  const client = on(pods.client, 'openssl s_client', `openssl s_client -quiet -tls1_3 -connect ${pods.server.ip}:${PORT} > /dev/null`);
  await sleep(1500);
  const pids = [server.pid, client.pid];
  const [from, before, start] = [written(client.pid), pids.map(cpuTimes), performance.now()];
  await sleep(seconds * 1000);
  const [to, used, end] = [written(client.pid), pids.map(cpuTimes), performance.now()];
  for (const p of [server, client]) p.check();
  await Promise.all([server.stop(), client.stop()]);
  const sum = (part: 'user' | 'kernel'): number => used.reduce((n, u, i) => n + u[part] - before[i]![part], 0);
  return {
    subject: OPENSSL, case: c,
    samples: [{
      requests: NaN, perSecond: NaN, p50: NaN, p99: NaN, errors: 0, bytes: to - from, seconds: (end - start) / 1000, cpu: sum('user') + sum('kernel'), kernel: sum('kernel'), pause: NaN, gcShare: NaN,
    }],
  };
}
