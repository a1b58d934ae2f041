import type { SampleEnv } from './env.ts';
import { answer, serveHttp } from './http-server.ts';
import type { Running } from './running.ts';

/** Marks a failure that was asked for, so that a client can tell it from one made on the way. */
export const ON_PURPOSE = 'x-on-purpose';

/** True for exactly `percent` of each hundred calls, spread evenly: with 20, every fifth. */
export function everySoOften(percent: number): () => boolean {
  let debt = 0;
  return () => {
    debt += percent;
    if (debt < 100) return false;
    debt -= 100;
    return true;
  };
}

/** Estimates of delivery times, HTTP/1.1: answers 500 to FAIL_PERCENT of its requests. */
export async function flaky(env: SampleEnv): Promise<Running> {
  const fails = everySoOften(env.failPercent);
  let served = 0;
  return await serveHttp(env.port, (_req, res) => {
    served++;
    if (fails()) {
      res.setHeader(ON_PURPOSE, 'true');
      answer(res, 500, 'the courier did not pick up\n');
    } else {
      answer(res, 200, `delivery in ${1 + (served % 3)} days\n`);
    }
  });
}
