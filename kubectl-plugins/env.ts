/** Everything that the plugin reads from the environment. */
export interface Env {
  /** $NO_COLOR is set: https://no-color.org */
  noColor: boolean;
  forceColor: boolean;
  dumbTerminal: boolean;
}

export function readEnv(env: NodeJS.ProcessEnv): Env {
  return {
    noColor: Boolean(env['NO_COLOR']),
    forceColor: Boolean(env['FORCE_COLOR']) && env['FORCE_COLOR'] !== '0',
    dumbTerminal: env['TERM'] === 'dumb',
  };
}
