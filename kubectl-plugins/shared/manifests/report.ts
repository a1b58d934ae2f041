import { mark } from '../style.ts';
import type { Output } from '../io.ts';
import type { Reported } from './transform.ts';

/** A line an object, on stderr: what happened to it, or why nothing did; warnings under it. */
export function report(output: Output, reports: readonly Reported[]): void {
  for (const { kind, name, decision } of reports) {
    const said = `${kind.toLowerCase()} "${name}" ${decision.outcome}${decision.reason ? `: ${decision.reason}` : ''}`;
    output.write(`${said}\n`);
    for (const warning of decision.warnings) output.write(`${mark(output, 'warning')} ${kind.toLowerCase()} "${name}" ${warning}\n`);
  }
  const changed = reports.filter((r) => r.decision.outcome !== 'skipped').length;
  if (changed === 0) output.write(`${mark(output, 'warning')} nothing was changed\n`);
}
