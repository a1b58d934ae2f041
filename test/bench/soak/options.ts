import yargs from 'yargs';
import { parseDuration } from '../../../lib/duration.ts';
import { OptionError } from '../options.ts';
import { RUNTIMES, type RuntimeName } from '../runtimes.ts';

export interface SoakOptions {
  /** s */
  length: number;
  churn: number;
  renew: number;
  runtime: RuntimeName;
  policy: 'full' | 'plain';
  proxyCore: number;
  loadCore: number;
  nodeFlags: string[] | null;
  proxyEnv: string[];
}

export async function parseSoakOptions(argv: string[]): Promise<SoakOptions> {
  const o = await yargs(argv)
    .scriptName('npm run soak --')
    .usage('$0 [options]\n\nMixed traffic (HTTP/1.1, HTTP/2, gRPC, raw TCP, WebSockets) through a pair of proxies with mutual TLS for a long time, while the endpoints\n'
      + 'change and the certificates are renewed. Prints a table and a verdict; exit code 1 when an exchange failed, memory grew or something was left.')
    .option('length', { type: 'string', default: '30m', describe: 'of the traffic' })
    .option('churn', { type: 'string', default: '10s', describe: 'time between changes of the endpoints' })
    .option('renew', { type: 'string', default: '1m', describe: 'time between renewals of the certificates' })
    .option('runtime', { choices: RUNTIMES, default: RUNTIMES[0], describe: 'of the proxies' })
    .option('policy', { choices: ['full', 'plain'] as const, default: 'full' as const, describe: 'full: route with retries and timeouts, authorization. plain: discovery alone' })
    .option('proxy-core', { type: 'number', default: 1, describe: 'CPU of the proxies' })
    .option('load-core', { type: 'number', default: 0, describe: 'CPU of everything else' })
    .option('node-flags', { type: 'string', describe: "flags of the proxy's runtime in place of those of its image" })
    .option('proxy-env', { type: 'string', default: '', describe: 'K=V,K=V added to the environment of the proxy' })
    .wrap(120).strict().parseAsync();
  const seconds = (name: 'length' | 'churn' | 'renew', least: number): number => {
    const ms = parseDuration(o[name]);
    if (ms === undefined || ms < least * 1000) throw new OptionError(`--${name}: "${o[name]}" is not a duration of ${least}s or more, such as 90s or 30m`);
    return ms / 1000;
  };
  return {
    length: seconds('length', 30), churn: seconds('churn', 1), renew: seconds('renew', 10), runtime: o.runtime, policy: o.policy, proxyCore: o.proxyCore, loadCore: o.loadCore,
    nodeFlags: o.nodeFlags === undefined ? null : o.nodeFlags.split(' ').filter((f) => f !== ''), proxyEnv: o.proxyEnv.split(',').filter((p) => p !== ''),
  };
}
