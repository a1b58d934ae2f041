/** A label selector that cannot be read; the message says where. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

export type LabelMatcher = (labels: Record<string, string>) => boolean;

const KEY = String.raw`([A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?)`;
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const SET = new RegExp(`^${KEY}\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EQUAL = new RegExp(`^${KEY}\\s*(==|=|!=)\\s*(.*)$`);
const EXISTS = new RegExp(`^(!?)\\s*${KEY}$`);

function value(text: string): string {
  const v = text.trim();
  if (!VALUE.test(v)) throw new SelectorError(`"${v}" is not the value of a label`);
  return v;
}

function requirement(text: string): LabelMatcher {
  const set = SET.exec(text);
  if (set !== null) {
    const values = new Set(set[3]!.split(',').map(value));
    return set[2] === 'in'
      ? (labels) => Object.hasOwn(labels, set[1]!) && values.has(labels[set[1]!]!)
      : (labels) => !Object.hasOwn(labels, set[1]!) || !values.has(labels[set[1]!]!);
  }
  const equal = EQUAL.exec(text);
  if (equal !== null) {
    const wanted = value(equal[3]!);
    return equal[2] === '!='
      ? (labels) => !Object.hasOwn(labels, equal[1]!) || labels[equal[1]!] !== wanted
      : (labels) => Object.hasOwn(labels, equal[1]!) && labels[equal[1]!] === wanted;
  }
  const exists = EXISTS.exec(text);
  if (exists !== null) return (labels) => Object.hasOwn(labels, exists[2]!) === (exists[1] === '');
  throw new SelectorError(`cannot read "${text}" as a label requirement; examples: app=web, app!=web, app in (web,api), app, !app`);
}

/** A Kubernetes label selector as kubectl takes it: equality and set requirements, joined by commas. '' matches all. Throws SelectorError. */
export function parseSelector(text: string): LabelMatcher {
  const parts = text.trim() === '' ? [] : text.split(/,(?![^()]*\))/).map((p) => requirement(p.trim()));
  return (labels) => parts.every((matches) => matches(labels));
}
