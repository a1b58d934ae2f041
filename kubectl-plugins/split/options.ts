import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { UsageError } from '../shared/errors.ts';
import { count, durationMs, flag, targetOf, text } from '../shared/flags.ts';
import { parseService, SERVICE_NAME } from '../shared/services.ts';

export interface Weight {
  service: string;
  weight: number;
}

export interface SplitOptions {
  target: Target;
  namespace: string | undefined;
  service: string;
  port: number | undefined;
  action: { kind: 'show' } | { kind: 'remove' } | { kind: 'set'; weights: Weight[] };
  /** 0 for not at all */
  watchMs: number;
  dryRun: boolean;
  output: 'yaml' | 'json' | undefined;
}

/** HTTPRoute backendRefs[].weight. */
const MAX_WEIGHT = 1_000_000;

export function validate(args: Args): SplitOptions {
  const weights = ((args['weights'] as unknown[] | undefined) ?? []).map((w) => parseWeight(String(w)));
  const remove = flag(args, 'remove');
  if (remove && weights.length > 0) throw new UsageError('--remove ends the split, so it takes no weights.');
  const twice = weights.find((w, i) => weights.findIndex((other) => other.service === w.service) < i);
  if (twice) throw new UsageError(`${twice.service} is given two weights; give it one.`);
  if (weights.length > 0 && weights.every((w) => w.weight === 0)) throw new UsageError('All weights are 0, so no request would be answered. Give at least one Service a weight above 0, or end the split with --remove.');
  const output = text(args, 'output') as SplitOptions['output'];
  if (output !== undefined && remove) throw new UsageError('--output prints the HTTPRoute of a split, and --remove leaves none.');
  return {
    target: targetOf(args),
    namespace: text(args, 'namespace'),
    service: parseService(String(args['service'])),
    port: args['port'] === undefined ? undefined : count(args, 'port', 1),
    action: remove ? { kind: 'remove' } : weights.length > 0 ? { kind: 'set', weights } : { kind: 'show' },
    watchMs: durationMs(args, 'watch', 0),
    dryRun: flag(args, 'dry-run'),
    output,
  };
}

function parseWeight(given: string): Weight {
  const [service = '', number, ...more] = given.split('=');
  if (number === undefined || more.length > 0 || !SERVICE_NAME.test(service.replace(/^svc\//, ''))) throw new UsageError(`${JSON.stringify(given)} is no weight; write SERVICE=WEIGHT, such as web-v2=10.`);
  const weight = Number(number);
  if (!/^\d+$/.test(number) || weight > MAX_WEIGHT) throw new UsageError(`The weight of ${service} is a whole number from 0 to ${MAX_WEIGHT}, not ${JSON.stringify(number)}.`);
  return { service: service.replace(/^svc\//, ''), weight };
}
