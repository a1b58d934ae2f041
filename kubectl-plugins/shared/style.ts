import pc from 'picocolors';
import type { Output } from './io.ts';

/** Colours for one output: identity functions when it shows none. */
export function style(output: Output): { green(s: string): string; yellow(s: string): string; red(s: string): string; bold(s: string): string; dim(s: string): string } {
  return pc.createColors(output.color);
}

export const MARKS = { success: '√', warning: '‼', error: '×' } as const;

/** A mark in its colour. */
export function mark(output: Output, kind: keyof typeof MARKS): string {
  const s = style(output);
  if (kind === 'success') return s.green(MARKS.success);
  return kind === 'warning' ? s.yellow(MARKS.warning) : s.red(MARKS.error);
}
