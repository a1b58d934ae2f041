import type { CanarySpec } from '../../api/crds/canary.ts';
import { formatDuration } from '../../lib/duration.ts';
import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { UsageError } from '../shared/errors.ts';
import { count, durationMs, flag, list, targetOf, text } from '../shared/flags.ts';
import { parseWorkloads } from '../shared/workload-kinds.ts';

/** What a Canary is made of, but for what only the cluster knows. */
export interface Wanted {
  /** container '' is the only one */
  images: { container: string; image: string }[];
  service: string | undefined;
  port: number | undefined;
  rules: Pick<CanarySpec, 'steps' | 'headers' | 'interval' | 'thresholds' | 'startTimeout'>;
}

export type Action = { kind: 'show' } | { kind: 'start'; wanted: Wanted } | { kind: 'change'; change: Partial<CanarySpec>; say: string; follow: boolean } | { kind: 'remove' };

export interface CanaryOptions {
  target: Target;
  namespace: string | undefined;
  deployment: string;
  action: Action;
  wait: boolean;
  output: 'yaml' | 'json' | undefined;
}

const CHANGES: Record<string, Action> = {
  pause: { kind: 'change', change: { paused: true }, say: 'stays where it is', follow: false },
  resume: { kind: 'change', change: { paused: false }, say: 'goes on', follow: true },
  promote: { kind: 'change', change: { decision: 'Promote', paused: false }, say: 'is promoted', follow: true },
  rollback: { kind: 'change', change: { decision: 'Rollback', paused: false }, say: 'is rolled back', follow: true },
  remove: { kind: 'remove' },
};
/** The metrics API has no shorter window. */
const MIN_INTERVAL_MS = 10_000;

export function validate(args: Args): CanaryOptions {
  const [workload, ...more] = parseWorkloads([String(args['workload'])]);
  if (!workload || more.length > 0 || workload.kind !== 'deployment' || workload.name === undefined) throw new UsageError('A canary is of one Deployment; write deploy/NAME.');
  const image = text(args, 'image');
  const asked = Object.keys(CHANGES).filter((name) => flag(args, name));
  if (asked.length + (image === undefined ? 0 : 1) > 1) throw new UsageError(`Give one of ${['image', ...Object.keys(CHANGES)].map((n) => `--${n}`).join(', ')} at a time.`);
  const output = text(args, 'output') as CanaryOptions['output'];
  return {
    target: targetOf(args), namespace: text(args, 'namespace'), deployment: workload.name, wait: args['wait'] !== false, output,
    action: image !== undefined ? { kind: 'start', wanted: wanted(args, image) } : asked.length > 0 ? CHANGES[asked[0]!]! : { kind: 'show' },
  };
}

function wanted(args: Args, image: string): Wanted {
  const header = text(args, 'header');
  if (header !== undefined && flag(args, 'blue-green')) throw new UsageError('--blue-green gives the new version all of the traffic and --header only some requests: give one of the two.');
  const successRate = Number(args['success-rate']);
  if (!(successRate >= 0 && successRate <= 100)) throw new UsageError(`--success-rate is a percentage from 0 to 100, not ${String(args['success-rate'])}.`);
  const latency = text(args, 'latency-p99');
  return {
    images: image.split(',').map(parseImage),
    service: text(args, 'service'),
    port: args['port'] === undefined ? undefined : count(args, 'port', 1),
    rules: {
      steps: header !== undefined ? [] : flag(args, 'blue-green') ? [{ weight: 100 }] : parseSteps(list(args, 'steps') ?? []),
      ...(header !== undefined && { headers: [parseHeader(header)] }),
      interval: formatDuration(durationMs(args, 'interval', MIN_INTERVAL_MS)),
      thresholds: {
        successRate, ...(latency !== undefined && { latencyP99: formatDuration(durationMs(args, 'latency-p99', 1)) }),
        minRequests: count(args, 'min-requests', 0), maxFailures: count(args, 'max-failures', 0),
      },
      startTimeout: formatDuration(durationMs(args, 'start-timeout', 1000)),
    },
  };
}

/** An image name has no '=' before its digest or tag. */
function parseImage(given: string): { container: string; image: string } {
  const at = given.indexOf('=');
  const [container, image] = at < 0 ? ['', given.trim()] : [given.slice(0, at).trim(), given.slice(at + 1).trim()];
  if (image === '' || (at >= 0 && container === '')) throw new UsageError(`--image takes IMAGE or CONTAINER=IMAGE, not ${JSON.stringify(given)}.`);
  return { container, image };
}

function parseSteps(given: string[]): { weight: number }[] {
  const weights = given.map((s) => Number(s.replace(/%$/, '')));
  if (weights.length === 0 || weights.some((w) => !Number.isInteger(w) || w < 1 || w > 100)) throw new UsageError(`--steps takes percentages from 1 to 100 separated by commas, such as 5,25,50, not ${JSON.stringify(given.join(','))}.`);
  if (weights.some((w, i) => i > 0 && w <= weights[i - 1]!)) throw new UsageError(`The steps ${weights.join(', ')} do not grow; each has to be more than the one before.`);
  return weights.map((weight) => ({ weight }));
}

function parseHeader(given: string): { name: string; value: string } {
  const at = given.indexOf(':');
  const [name, value] = [given.slice(0, at).trim(), given.slice(at + 1).trim()];
  if (at < 1 || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw new UsageError(`--header takes NAME: VALUE, not ${JSON.stringify(given)}.`);
  return { name, value };
}
