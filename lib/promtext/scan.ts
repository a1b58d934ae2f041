/** A scrape that is not the Prometheus text format; `line` counts from 1. */
export class PromTextError extends Error {
  override readonly name = 'PromTextError';
  readonly line: number;
  constructor(line: number, why: string) {
    super(`line ${line}: ${why}`);
    this.line = line;
  }
}

export interface Line {
  /** the number of the line, for messages */
  number: number;
  name: string;
  /** name and labels as written: the same series of one exporter is written the same way each time */
  series: string;
  /** what stands between the braces, '' without any; parseLabels reads it */
  labels: string;
  value: number;
  /** milliseconds since the epoch, where the exporter gives it */
  timestamp: number | undefined;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
/** What Go's ParseFloat takes in base 10, as the format asks for; without underscores and hexadecimal, which no exporter writes. */
const FLOAT = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const SPECIAL = new Map([['NaN', NaN], ['+Inf', Infinity], ['Inf', Infinity], ['-Inf', -Infinity]]);
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSE = 0x7d;

const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** A value as the format writes it; undefined when it is none. */
export function parseValue(text: string): number | undefined {
  return FLOAT.test(text) ? Number(text) : SPECIAL.get(text);
}

/** Index of the brace that closes the labels opened before `from`, or -1. Braces in quoted values do not count. */
function closingBrace(line: string, from: number): number {
  let quoted = false;
  for (let i = from; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (quoted) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) quoted = true;
    else if (code === CLOSE) return i;
  }
  return -1;
}

function comment(line: string, number: number, typed: Set<string>): void {
  const m = /^#[ \t]+TYPE[ \t]+(\S+)[ \t]+(.*?)[ \t]*$/.exec(line);
  if (m === null) return;
  const [, name = '', type = ''] = m;
  if (!NAME.test(name)) throw new PromTextError(number, `"${name}" is not a metric name`);
  if (!TYPES.has(type)) throw new PromTextError(number, `"${type}" is not a type`);
  if (typed.has(name)) throw new PromTextError(number, `a second type for ${name}`);
  typed.add(name);
}

/**
 * Reads the Prometheus text exposition format 0.0.4 line by line and hands the samples of `wanted` metrics to `visit`, in order. Labels are
 * left as text, so that a reader that has seen a series before pays for nothing but its value. Throws PromTextError; what was visited
 * until then was well-formed. Source: the format's description in the Prometheus documentation, and Prometheus' own lexer where that is vague.
 */
export function scan(text: string, wanted: (name: string) => boolean, visit: (line: Line) => void): void {
  const typed = new Set<string>();
  if (text !== '' && !text.endsWith('\n')) throw new PromTextError(text.split('\n').length, 'the last line does not end');
  let number = 0;
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start);
    number++;
    let first = start;
    while (first < end && isBlank(text.charCodeAt(first))) first++;
    const line = text.slice(first, end);
    start = end + 1;
    if (line === '') continue;
    if (line.startsWith('#')) comment(line, number, typed);
    else sample(line, number, wanted, visit);
  }
}

function sample(line: string, number: number, wanted: (name: string) => boolean, visit: (line: Line) => void): void {
  const brace = line.indexOf('{');
  const blank = line.search(/[ \t]/);
  const labelled = brace !== -1 && (blank === -1 || brace < blank || line.slice(blank, brace).trim() === '');
  const nameEnd = labelled ? Math.min(brace, blank === -1 ? brace : blank) : blank;
  if (nameEnd === -1) throw new PromTextError(number, 'a sample without a value');
  const name = line.slice(0, nameEnd);
  if (!NAME.test(name)) throw new PromTextError(number, `"${name}" is not a metric name`);
  if (!wanted(name)) return;
  const close = labelled ? closingBrace(line, brace + 1) : -1;
  if (labelled && close === -1) throw new PromTextError(number, 'labels that do not end');
  const seriesEnd = labelled ? close + 1 : nameEnd;
  const [valueText = '', timeText, ...rest] = line.slice(seriesEnd).trim().split(/[ \t]+/);
  const value = parseValue(valueText);
  if (value === undefined) throw new PromTextError(number, `"${valueText}" is not a value`);
  if (rest.length > 0) throw new PromTextError(number, 'more than a value and a timestamp');
  if (timeText !== undefined && !/^-?\d{1,19}$/.test(timeText)) throw new PromTextError(number, `"${timeText}" is not a timestamp`);
  visit({
    number, name, value,
    series: line.slice(0, seriesEnd),
    labels: labelled ? line.slice(brace + 1, close) : '',
    timestamp: timeText === undefined ? undefined : Number(timeText),
  });
}
