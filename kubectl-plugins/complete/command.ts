import { command } from '../shared/command.ts';

/** What completion scripts and kubectl call; see completion/shells.ts. The words after it are the line so far, the last of them unfinished. */
export const complete = command({
  usage: '__complete',
  summary: '',
  description: '',
  flags: {},
  examples: [],
  hidden: true,
  raw: true,
}, async () => {
  const { run, validate } = await import('./run.ts');
  return { validate, run };
});
