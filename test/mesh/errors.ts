/** What goes wrong on the way to a running mesh, in words that say what to do next. */
import { AptError } from '../../images/apt.ts';
import { ImageError } from '../../images/errors.ts';
import { BundleError } from '../../scripts/bundle.ts';
import { ClusterError } from '../cluster/provider.ts';

/** A failure that its reader can act on: the message says what happened, why, and what to do next. */
export class MeshError extends Error {
  override readonly name = 'MeshError';
}

/** The run was told to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Exit status of a program that a Ctrl-C ended. */
export const INTERRUPTED_CODE = 130;

const FORESEEN = [MeshError, Interrupted, ClusterError, ImageError, BundleError, AptError];

/** One paragraph about any error; an error that nobody foresaw names the flag that shows its stack. */
export function explain(error: unknown): string {
  if (FORESEEN.some((kind) => error instanceof kind)) return (error as Error).message;
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return `The disk is full${path === undefined ? '' : ` at ${path}`}. A first run needs 6 GB for what it builds (under XDG_CACHE_HOME, ~/.cache without it) and 1 GB for the cluster (under XDG_STATE_HOME, ~/.local/state without it). Make room, then run the command again.`;
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return `${path ?? 'A file'} cannot be written: ${message}. Run the command as a user who may write there, or set XDG_CACHE_HOME and XDG_STATE_HOME to other folders.`;
  }
  return `${message ?? String(error)}. This was not foreseen; run the command again with --verbose to see where it comes from.`;
}
