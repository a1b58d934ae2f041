import { mark } from '../style.ts';
import type { Output } from '../io.ts';
import type { Reported } from './transform.ts';

/** A line an object, on stderr: what happened to it, or why nothing did; warnings under it. Kinds without pods are only counted. */
export function report(output: Output, reports: readonly Reported[]): void {
  const passed = reports.filter((r) => r.decision.outcome === 'passed').length;
  for (const { kind, name, decision } of reports) {
    if (decision.outcome === 'passed') continue;
    const said = `${kind.toLowerCase()} "${name}" ${decision.outcome}${decision.reason ? `: ${decision.reason}` : ''}`;
    output.write(`${said}\n`);
    for (const warning of decision.warnings) output.write(`${mark(output, 'warning')} ${kind.toLowerCase()} "${name}" ${warning}\n`);
  }
  if (passed > 0) output.write(`${passed} other object${passed === 1 ? '' : 's'} without pods left as ${passed === 1 ? 'it is' : 'they are'}\n`);
  if (reports.every((r) => r.decision.edits.length === 0)) output.write(`${mark(output, 'warning')} nothing was changed\n`);
}
