/**
 * Entry of the control image: `control identity`, or `control destination policy …`. Exit codes: 0 told to stop, 1 a service failed, 2 the command
 * line, the environment or the configuration cannot be used.
 */
import { readFileSync } from 'node:fs';
import { destination } from 'pino';
import { VERSION } from '../api/version.ts';
import { systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log.ts';
import { ConfigError, parseConfig } from './config.ts';
import { EnvError, readEnv } from './env.ts';
import { runServices, unknownServices, type ServiceRegistry } from './run.ts';

const REGISTRY: ServiceRegistry = {
  identity: () => import('./identity/start.ts'),
  destination: () => import('./destination/start.ts'),
  policy: () => import('./policy/start.ts'),
  anchors: () => import('./anchors/start.ts'),
  metrics: () => import('./metrics/start.ts'),
  tap: () => import('./tap/start.ts'),
  canary: () => import('./canary/start.ts'),
  // the one place where control knows of the webhooks: they run in the same process by default
  injector: () => import('../webhook/start.ts'),
};

/** A change of an EndpointSlice has reached kube-proxy after a second or two. */
const LINGER_MS = 3_000;
/** Time for services to stop before the process ends anyway; below the 30 s that Kubernetes gives. */
const STOP_LIMIT_MS = 20_000;

async function main(services: readonly string[]): Promise<number> {
  const known = Object.keys(REGISTRY).join(', ');
  if (services.length === 0) return refuse(`name the services to run: ${known}`);
  const unknown = unknownServices(services, REGISTRY);
  if (unknown.length > 0) return refuse(`no service is called ${unknown.join(', ')}; there are ${known}`);

  const env = readEnv(process.env);
  const log = createLog(services.length === 1 ? services[0]! : 'control', env.logLevel, destination({ dest: 1, sync: true }));
  let text: string;
  try {
    text = readFileSync(env.configFile, 'utf8');
  } catch (err) {
    return refuse(`cannot read ${env.configFile} (${(err as NodeJS.ErrnoException).code}); mount ConfigMap mesh-config there or set MESH_CONTROL_CONFIG_FILE`);
  }
  const config = parseConfig(text, env.configFile);

  const stopping = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(1);
      log.info({ signal: name }, 'stopping');
      stopping.abort();
      systemClock.after(STOP_LIMIT_MS, () => {
        log.error('services did not stop in time');
        process.exit(1);
      });
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (err: unknown) => {
      log.fatal({ err }, 'unexpected error, the process ends');
      process.exit(1);
    });
  }
  log.info({ version: VERSION, services }, 'starting');
  try {
    await runServices({ services, registry: REGISTRY, env, config, log, clock: systemClock, signal: stopping.signal, lingerMs: LINGER_MS });
    log.info('stopped');
    return 0;
  } catch (err) {
    log.fatal({ err }, 'a service did not start');
    return 1;
  }
}

function refuse(message: string): number {
  process.stderr.write(`control: ${message}\n`);
  return 2;
}

let code: number;
try {
  code = await main(process.argv.slice(2));
} catch (err) {
  if (!(err instanceof EnvError) && !(err instanceof ConfigError)) throw err;
  code = refuse(err.message);
}
process.exit(code);
