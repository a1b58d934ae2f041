/** One column: its heading and which side its cells stand on. Numbers stand on the right. */
export interface Column {
  heading: string;
  align?: 'left' | 'right';
}

const GAP = '   ';

/**
 * A plain table: headings, then a line a row, three spaces between columns, no spaces at line ends. Cells are counted in code points: names in
 * Kubernetes are ASCII and the marks we print are one column wide.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((c, i) => Math.max(width(c.heading), ...rows.map((r) => width(r[i] ?? ''))));
  const line = (cells: readonly string[]): string =>
    columns.map((c, i) => pad(cells[i] ?? '', widths[i]!, c.align ?? 'left')).join(GAP).trimEnd();
  return [columns.map((c) => c.heading), ...rows].map((cells) => `${line(cells)}\n`).join('');
}

function pad(cell: string, size: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(size - width(cell));
  return align === 'left' ? cell + space : space + cell;
}

function width(text: string): number {
  return Array.from(text).length;
}
