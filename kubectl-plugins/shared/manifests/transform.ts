import { isNode, stringify } from 'yaml';
import { UsageError } from '../errors.ts';
import type { Decision } from './decide.ts';
import { editValue, editYaml, type Edit } from './edit.ts';
import { objectsIn, type Located, type Path } from './objects.ts';
import { isEmpty, type Parsed } from './read.ts';

export type Decide = (document: unknown, object: Located) => Decision;

export interface Reported {
  kind: string;
  name: string;
  decision: Decision;
}

export interface Transformed {
  text: string;
  reports: Reported[];
}

/** One source with every object changed as `decide` says. `output` asks for another format than that of the source. */
export function transform(parsed: Parsed, decide: Decide, output: 'yaml' | 'json' | undefined): Transformed {
  const reports: Reported[] = [];
  const values = parsed.format === 'json' ? parsed.values : parsed.documents.map((d) => d.toJS() as unknown);
  const edits = values.map((value, index) => {
    if (parsed.format === 'yaml' && isEmpty(parsed.documents[index]!)) return [];
    return objectsIn(value).flatMap((found) => {
      if ('invalid' in found) throw noObject(parsed, index, found.invalid);
      const decision = decide(value, found);
      reports.push({ kind: found.kind, name: found.name, decision });
      return decision.edits;
    });
  });
  return { text: print(parsed, values, edits, output), reports };
}

function print(parsed: Parsed, values: readonly unknown[], edits: readonly Edit[][], output: 'yaml' | 'json' | undefined): string {
  if (parsed.format === 'yaml' && output !== 'json') return editYaml(parsed.source.text, parsed.documents, edits);
  const edited = values.map((value, i) => editValue(value, edits[i]!)).filter((value) => value !== null);
  if (output === 'yaml') return edited.map((value) => `---\n${stringify(value, { lineWidth: 0 })}`).join('');
  const indent = parsed.format === 'json' ? (/\n([ \t]+)"/.exec(parsed.source.text)?.[1] ?? '') : '  ';
  const whole = edited.length === 1 ? edited[0] : { apiVersion: 'v1', kind: 'List', items: edited };
  return `${JSON.stringify(whole, null, indent)}\n`;
}

function noObject(parsed: Parsed, index: number, path: Path): UsageError {
  const where = position(parsed, index, path);
  return new UsageError(`${where}: this is no Kubernetes object, because it has no kind. Nothing was printed.`);
}

function position(parsed: Parsed, index: number, path: Path): string {
  if (parsed.format === 'json') return `${parsed.source.name}:1:1`;
  const node = path.length === 0 ? parsed.documents[index]!.contents : parsed.documents[index]!.getIn(path, true);
  const { line, col } = parsed.lines.linePos(isNode(node) ? (node.range?.[0] ?? 0) : 0);
  return `${parsed.source.name}:${line}:${col}`;
}
