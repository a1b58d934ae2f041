import { isDeepStrictEqual } from 'node:util';
import { isMap, isPair, isScalar, parseAllDocuments, type Document, type Pair, type ParsedNode, type YAMLMap } from 'yaml';
import { at, isPlain, type Path } from './objects.ts';

/** Sets a string at a path, making the mappings on the way; or, without a value, removes what is there and the mappings that are left empty. */
export interface Edit {
  path: Path;
  value: string | undefined;
}

/** A copy of a plain value with the edits made. */
export function editValue(value: unknown, edits: readonly Edit[]): unknown {
  const copy = structuredClone(value);
  for (const { path, value: text } of edits) {
    const parent = path.slice(0, -1);
    const key = path.at(-1)!;
    if (text === undefined) removeAt(copy, parent, key);
    else (ensure(copy, parent))[key] = text;
  }
  return copy;
}

function ensure(root: unknown, path: Path): Record<string | number, unknown> {
  let current = root as Record<string | number, unknown>;
  for (const key of path) {
    const next = current[key];
    current = (typeof next === 'object' && next !== null ? next : (current[key] = {})) as Record<string | number, unknown>;
  }
  return current;
}

function removeAt(root: unknown, path: Path, key: string | number): void {
  const holder = at(root, path);
  if (!isPlain(holder)) return;
  delete holder[key];
  if (Object.keys(holder).length === 0 && path.length > 0) removeAt(root, path.slice(0, -1), path.at(-1)!);
}

/**
 * YAML with the edits made, as little changed as can be: lines are put in or taken out of the text itself. A document that is written in a way that
 * this does not cover (flow style, anchors) is printed anew from its syntax tree, which keeps comments but not layout.
 */
export function editYaml(text: string, documents: readonly Document.Parsed[], edits: readonly (readonly Edit[])[]): string {
  const starts = documents.map((document, i) => (i === 0 ? 0 : document.range[0]));
  return documents.map((document, i) => {
    const chunk = text.slice(starts[i], starts[i + 1] ?? text.length);
    if (edits[i]!.length === 0) return chunk;
    const wanted = editValue(document.toJS(), edits[i]!);
    const spliced = splice(text, starts[i]!, chunk, document, edits[i]!);
    return spliced !== undefined && means(spliced, wanted) ? spliced : print(document, edits[i]!);
  }).join('');
}

function means(text: string, wanted: unknown): boolean {
  const documents = parseAllDocuments(text);
  return documents.length === 1 && documents[0]!.errors.length === 0 && isDeepStrictEqual(documents[0]!.toJS(), wanted);
}

function print(document: Document.Parsed, edits: readonly Edit[]): string {
  for (const { path, value } of edits) {
    if (value !== undefined) {
      document.setIn(path, value);
      continue;
    }
    for (let gone: Path = path; gone.length > 0; gone = gone.slice(0, -1)) {
      document.deleteIn(gone);
      const holder = document.getIn(gone.slice(0, -1), true);
      if (!isMap(holder) || holder.items.length > 0) break;
    }
  }
  const body = document.toString({ lineWidth: 0, directives: true });
  return body.endsWith('\n') ? body : `${body}\n`;
}

interface Splice {
  start: number;
  end: number;
  text: string;
}

/** The part of the text that holds one document, from offset `start` on, with its edits; undefined where an edit is not covered. */
function splice(text: string, start: number, chunk: string, document: Document.Parsed, edits: readonly Edit[]): string | undefined {
  const splices = edits.map(({ path, value }) => (value === undefined ? removal(text, document, path) : insertion(text, document, path, value)));
  if (!splices.every((s) => s !== undefined)) return undefined;
  let result = chunk;
  for (const s of splices.sort((a, b) => b.start - a.start)) result = result.slice(0, s.start - start) + s.text + result.slice(s.end - start);
  return result;
}

/** The pair at a path, with the pairs above it. */
function pairsTo(document: Document.Parsed, path: Path): Pair<ParsedNode, ParsedNode | null>[] {
  const pairs: Pair<ParsedNode, ParsedNode | null>[] = [];
  let node: unknown = document.contents;
  for (const key of path) {
    if (typeof key === 'number') {
      node = (node as { items?: unknown[] }).items?.[key];
      continue;
    }
    if (!isMap(node)) return pairs;
    const pair = (node as YAMLMap<ParsedNode, ParsedNode | null>).items.find((p) => isPair(p) && isScalar(p.key) && p.key.value === key);
    if (!pair) return pairs;
    pairs.push(pair);
    node = pair.value;
  }
  return pairs;
}

/** New lines go right under the line of the deepest mapping that exists, so that comments stay with what they stand over. */
function insertion(text: string, document: Document.Parsed, path: Path, value: string): Splice | undefined {
  const pairs = pairsTo(document, path);
  const parent = pairs.at(-1);
  const names = path.filter((key) => typeof key === 'string').slice(pairs.length);
  if (!parent || names.length === 0 || !isMap(parent.value) || parent.value.flow) return undefined;
  const first = parent.value.items[0]?.key;
  const lineEnd = text.indexOf('\n', parent.key.range[1]);
  if (!first || lineEnd === -1 || first.range[0] <= lineEnd) return undefined;
  const indent = first.range[0] - text.lastIndexOf('\n', first.range[0] - 1) - 1;
  const newline = text[lineEnd - 1] === '\r' ? '\r\n' : '\n';
  const lines = names.map((name, depth) => `${' '.repeat(indent + 2 * depth)}${name}:${depth === names.length - 1 ? ` ${value}` : ''}${newline}`);
  return { start: lineEnd + 1, end: lineEnd + 1, text: lines.join('') };
}

function removal(text: string, document: Document.Parsed, path: Path): Splice | undefined {
  const pairs = pairsTo(document, path);
  const pair = pairs.at(-1);
  if (!pair || pairs.length < 2 || !isScalar(pair.value)) return undefined;
  let from = pair.key;
  for (const holder of pairs.slice(0, -1).toReversed()) {
    if (!isMap(holder.value) || holder.value.flow) return undefined;
    if (holder.value.items.length > 1) break;
    from = holder.key;
  }
  const start = text.lastIndexOf('\n', from.range[0] - 1) + 1;
  if (text.slice(start, from.range[0]).trim() !== '') return undefined;
  const lineEnd = text.indexOf('\n', pair.value.range[0]);
  return { start, end: lineEnd === -1 ? text.length : lineEnd + 1, text: '' };
}
