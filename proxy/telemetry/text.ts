export type Labels = Readonly<Record<string, string>>;

/** a="b",c="d" with values escaped as the text format demands */
export function renderLabels(labels: Labels): string {
  let out = '';
  for (const name in labels) {
    const value = labels[name]!;
    const escaped = /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
    out += `${out === '' ? '' : ','}${name}="${escaped}"`;
  }
  return out;
}
