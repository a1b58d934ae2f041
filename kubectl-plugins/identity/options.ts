import type { Rotated } from '../../api/identity-status.ts';
import type { Args } from '../shared/command.ts';
import type { Target } from '../shared/connect.ts';
import { UsageError } from '../shared/errors.ts';
import { durationMs, flag, scopeOf, targetOf, text, type Scope } from '../shared/flags.ts';

export interface IdentityOptions {
  target: Target;
  /** what to rotate; undefined to look */
  rotate: Rotated | undefined;
  /** whose proxies to show; undefined for none */
  proxies: Scope | undefined;
  selector: string | undefined;
  output: 'table' | 'json' | 'yaml';
  wait: boolean;
  timeoutMs: number;
}

export function validate(args: Args): IdentityOptions {
  const [action, what] = [text(args, 'action'), text(args, 'what')];
  if (action !== undefined && action !== 'rotate') throw new UsageError(`identity knows "rotate" and not ${JSON.stringify(action)}; without it, it shows.`);
  if (action === 'rotate' && what !== 'issuer' && what !== 'anchor') {
    throw new UsageError(`identity rotate takes "issuer" or "anchor"${what === undefined ? '' : `, not ${JSON.stringify(what)}`}: the issuer signs certificates, the anchor is what everybody trusts.`);
  }
  const named = text(args, 'namespace') !== undefined || flag(args, 'all-namespaces');
  if (action === 'rotate' && named) throw new UsageError('identity rotate is for the whole mesh: leave out -n and -A.');
  if (!named && text(args, 'selector') !== undefined) throw new UsageError('-l chooses among proxies, which are shown with -n or -A: add one of the two.');
  if (action === undefined && flag(args, 'wait')) throw new UsageError('--wait goes with "identity rotate".');
  return {
    target: targetOf(args),
    rotate: what as Rotated | undefined,
    proxies: named ? scopeOf(args) : undefined,
    selector: text(args, 'selector'),
    output: text(args, 'output') as IdentityOptions['output'],
    wait: flag(args, 'wait'),
    timeoutMs: durationMs(args, 'timeout', 1000),
  };
}
