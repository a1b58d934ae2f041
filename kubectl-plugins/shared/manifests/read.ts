import { isScalar, LineCounter, parseAllDocuments, type Document } from 'yaml';
import { messageOf, UsageError } from '../errors.ts';
import { STDIN } from '../flags.ts';
import type { Files, Io } from '../io.ts';
import { jsonErrorAt } from './json-error.ts';

export interface Source {
  /** as the person named it */
  name: string;
  text: string;
}

export type Parsed =
  | { format: 'yaml'; source: Source; documents: Document.Parsed[]; lines: LineCounter }
  | { format: 'json'; source: Source; values: unknown[] };

const MANIFEST = /\.(ya?ml|json)$/i;

/** The texts behind the arguments: files, folders (every manifest in them, in the order of their names), `-` for standard input. */
export async function readSources(io: Io, names: readonly string[]): Promise<Source[]> {
  const sources: Source[] = [];
  for (const name of names) {
    if (name === STDIN) sources.push({ name: STDIN, text: await io.stdin.text() });
    else sources.push(...(await readPath(io.files, name)));
  }
  return sources;
}

async function readPath(files: Files, path: string): Promise<Source[]> {
  try {
    const kind = await files.kind(path);
    if (kind === undefined) throw new UsageError(`There is no file or folder ${path}.`);
    if (kind === 'file') return [{ name: path, text: await files.read(path) }];
    const found = await inFolder(files, path.replace(/\/+$/, ''));
    if (found.length === 0) throw new UsageError(`The folder ${path} holds no manifest (.yaml, .yml or .json).`);
    return found;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}

async function inFolder(files: Files, folder: string): Promise<Source[]> {
  const found: Source[] = [];
  for (const name of await files.list(folder)) {
    const path = `${folder}/${name}`;
    if ((await files.kind(path)) === 'directory') found.push(...(await inFolder(files, path)));
    else if (MANIFEST.test(name)) found.push({ name: path, text: await files.read(path) });
  }
  return found;
}

/** Throws UsageError with file:line:column for a text that is neither YAML nor JSON. */
export function parseSource(source: Source): Parsed {
  if (/^\s*[[{]/.test(source.text)) {
    try {
      return { format: 'json', source, values: [JSON.parse(source.text)] };
    } catch (error) {
      // YAML in flow style begins the same way, so only the file's name says that JSON was meant.
      if (/\.json$/i.test(source.name)) throw notJson(source, error);
    }
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(source.text, { lineCounter: lines }) as Document.Parsed[];
  for (const document of documents) {
    const [error] = document.errors;
    if (!error) continue;
    const { line, col } = lines.linePos(error.pos[0]);
    throw new UsageError(`${source.name}:${line}:${col}: ${error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '')}. Nothing was printed.`);
  }
  return { format: 'yaml', source, documents, lines };
}

function notJson(source: Source, error: unknown): UsageError {
  const before = source.text.slice(0, jsonErrorAt(source.text)).split('\n');
  const message = messageOf(error).replace(/ (in JSON )?(at position|is not valid JSON).*$/s, '').replace(/, \.{3}.*$/s, '').replace(/, ".*$/s, '');
  return new UsageError(`${source.name}:${before.length}:${before.at(-1)!.length + 1}: this is not JSON: ${message}. Nothing was printed.`);
}

/** A document that holds nothing but comments or white space. */
export function isEmpty(document: Document.Parsed): boolean {
  return document.contents === null || (isScalar(document.contents) && document.contents.value === null);
}
