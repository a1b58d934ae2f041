import type { Output } from '../shared/io.ts';
import { mark, style } from '../shared/style.ts';
import type { CategoryOutcome, Outcome } from './types.ts';

const DOCUMENT = 'docs/checks.md';

export function heading(output: Output, name: string): string {
  return `${style(output).bold(name)}\n${'-'.repeat(name.length)}\n`;
}

/** One line, and for what does not hold what was found and where it is explained. */
export function line(output: Output, outcome: Outcome): string {
  const first = `${mark(output, outcome.result)} ${outcome.description}\n`;
  if (outcome.result === 'success') return first;
  return `${first}    ${outcome.error ?? ''}\n    see ${DOCUMENT}#${outcome.hint} for hints\n`;
}

export function summary(output: Output, success: boolean, elapsed: string): string {
  return `Status check results are ${mark(output, success ? 'success' : 'error')} ${style(output).dim(`(${elapsed})`)}\n`;
}

export function json(success: boolean, categories: readonly CategoryOutcome[]): string {
  const linked = categories.map((c) => ({ ...c, checks: c.checks.map((o) => (o.hint ? { ...o, hint: `${DOCUMENT}#${o.hint}` } : o)) }));
  return `${JSON.stringify({ success, categories: linked }, null, 2)}\n`;
}
