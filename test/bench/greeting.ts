/** Where the server speaks first: how long a client that says nothing waits for the greeting. */
import { must } from './children.ts';
import { DIRECT } from './fortio.ts';
import { asApplication } from './load.ts';
import { SERVICE_PORTS } from './mesh.ts';
import type { Pods } from './netns.ts';
import type { Subject } from './subjects.ts';
import { GREETING, UPSTREAM } from './upstream.ts';

const VISITS = 200;

export interface GreetingRow {
  subject: string;
  /** ms of the very first connection of a subject to this destination; NaN without one */
  first: number;
  /** ms of the others, one after another */
  times: number[];
}

/** Without a proxy, then through each subject that takes streams of bytes; alternated, so many rounds. */
export async function measureGreeting(subjects: Subject[], pods: Pods, loadCore: number, rounds: number, log: (line: string) => void): Promise<GreetingRow[]> {
  const visit = async (prefix: string[], host: string, port: number): Promise<number[]> =>
    JSON.parse(await must(pods.client.in(...prefix, process.execPath, GREETING, 'visit', host, String(port), String(VISITS)))) as number[];
  const takers = subjects.filter((s) => s.takesStreams);
  const rows: GreetingRow[] = [DIRECT, ...takers.map((s) => s.name)].map((subject) => ({ subject, first: NaN, times: [] }));
  const keep = (i: number, [first, ...rest]: number[]): void => {
    const row = rows[i]!;
    if (Number.isNaN(row.first)) row.first = first!;
    else rest.push(first!);
    row.times.push(...rest);
    log(`greetings  ${row.subject.padEnd(15)} ${row.times.length} so far, the very first after ${row.first.toFixed(2)} ms`);
  };
  for (let round = 0; round < rounds; round++) {
    // Root's connections are not redirected.
    keep(0, await visit(['taskset', '-c', String(loadCore)], pods.server.ip, UPSTREAM.direct.greet));
    for (const [i, s] of takers.entries()) {
      await s.activate('greet');
      keep(i + 1, await visit(asApplication(loadCore), s.host, SERVICE_PORTS.greet));
    }
  }
  return rows;
}
