import { PromTextError } from './scan.ts';

const PAIR = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,|$)/sy;

/** Labels from the text between the braces; a comma may follow the last. Throws PromTextError, repeated names included. */
export function parseLabels(text: string, line: number): Record<string, string> {
  const labels: Record<string, string> = {};
  PAIR.lastIndex = 0;
  if (/^[ \t]*$/.test(text)) return labels;
  for (let at = 0; at < text.length && !/^[ \t]*$/.test(text.slice(at));) {
    PAIR.lastIndex = at;
    const m = PAIR.exec(text);
    if (m === null) throw new PromTextError(line, `cannot read labels from "${text.slice(at, at + 40)}"`);
    const [, name = '', escaped = ''] = m;
    if (Object.hasOwn(labels, name)) throw new PromTextError(line, `label ${name} is there twice`);
    Object.defineProperty(labels, name, { value: unescape(escaped, line), enumerable: true, writable: true, configurable: true });
    at = PAIR.lastIndex;
  }
  return labels;
}

function unescape(text: string, line: number): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(.)/gs, (_, code: string) => {
    if (code === 'n') return '\n';
    if (code === '\\' || code === '"') return code;
    throw new PromTextError(line, `\\${code} is not an escape of a label value`);
  });
}
