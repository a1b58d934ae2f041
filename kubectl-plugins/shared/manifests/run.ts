import { EXIT, type ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { parseSource, readSources } from './read.ts';
import { report } from './report.ts';
import { transform, type Decide } from './transform.ts';

export interface TransformOptions {
  files: string[];
  output: 'yaml' | 'json' | undefined;
}

/** Reads all, changes all, and only then prints: a mistake in the last file prints nothing of the first. */
export async function transformAll(io: Io, options: TransformOptions, decide: Decide): Promise<ExitCode> {
  const sources = await readSources(io, options.files);
  const done = sources.map(parseSource).map((parsed) => transform(parsed, decide, options.output));
  for (const [i, { text }] of done.entries()) {
    const separator = i > 0 && !text.startsWith('---') && options.output !== 'json' ? '---\n' : '';
    io.stdout.write(separator + text + (text.endsWith('\n') ? '' : '\n'));
  }
  await io.stdout.drained();
  if (io.stdout.tty) io.stderr.write('\n');
  report(io.stderr, done.flatMap((d) => d.reports));
  return EXIT.ok;
}
