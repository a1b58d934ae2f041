/** Exit codes of every `kubectl mesh` command; documented in `kubectl mesh --help`. */
export const EXIT = {
  ok: 0,
  /** the command ran and what it was asked for failed, or a check did not pass */
  failed: 1,
  /** a flag, an argument or an input file is wrong: nothing was tried */
  usage: 2,
  /** no cluster, not reachable, or it refuses the user */
  cluster: 3,
  /** Ctrl-C or SIGTERM */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
