import { parseAbort, parseDelay } from '../../lib/traffic/fault.ts';
import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { UsageError } from '../shared/errors.ts';
import { durationMs, flag, targetOf, text } from '../shared/flags.ts';
import { parseService } from '../shared/services.ts';

export interface Wanted {
  delay: string | undefined;
  abort: string | undefined;
  /** above 0, up to 100 */
  percent: number;
  forMs: number;
}

export interface FaultOptions {
  target: Target;
  namespace: string | undefined;
  service: string;
  action: { kind: 'show' } | { kind: 'remove' } | { kind: 'set'; wanted: Wanted };
  dryRun: boolean;
  output: 'table' | 'json';
}

export function validate(args: Args): FaultOptions {
  const delay = text(args, 'delay');
  const abort = text(args, 'abort');
  const remove = flag(args, 'remove');
  if (remove && (delay ?? abort) !== undefined) throw new UsageError('--remove ends the fault, so it goes with neither --delay nor --abort.');
  if (delay !== undefined && !parseDelay(delay)) throw new UsageError(`--delay takes a duration such as 200ms, or a range such as 100ms-500ms, of an hour at most, not ${JSON.stringify(delay)}.`);
  if (abort !== undefined && !parseAbort(abort)) throw new UsageError(`--abort takes an HTTP status such as 503, or grpc: with a gRPC code such as grpc:unavailable, not ${JSON.stringify(abort)}.`);
  const percent = Number(args['percent']);
  if (!(percent > 0 && percent <= 100)) throw new UsageError(`--percent is a number above 0 and up to 100, not ${String(args['percent'])}.`);
  return {
    target: targetOf(args), namespace: text(args, 'namespace'), service: parseService(String(args['service'])),
    action: remove ? { kind: 'remove' } : (delay ?? abort) === undefined ? { kind: 'show' } : { kind: 'set', wanted: { delay, abort, percent, forMs: durationMs(args, 'for', 1000) } },
    dryRun: flag(args, 'dry-run'), output: text(args, 'output') as FaultOptions['output'],
  };
}
