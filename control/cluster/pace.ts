import type { Clock } from '../../lib/clock.ts';

/** Share of the time that work of one kind may take while there is more and more of it. */
const SHARE = 0.2;
const MAX_PAUSE_MS = 400;

/**
 * Runs work soon: at once after a pause, but while it comes in bursts so seldom that it takes a fifth of the time. What a rollout changes is told to a
 * thousand streams a few times a second in place of once for each endpoint, and a change that comes alone is told at once.
 */
export function paced(clock: Clock): (work: () => void) => void {
  let freeAt = -Infinity;

  function run(work: () => void): void {
    const began = clock.now();
    work();
    // What the work has written goes out behind it, in this turn of the event loop.
    setImmediate(() => {
      const now = clock.now();
      freeAt = now + Math.min(MAX_PAUSE_MS, (now - began) * (1 / SHARE - 1));
    });
  }

  return (work) => {
    const wait = freeAt - clock.now();
    if (wait < 1) setImmediate(() => run(work));
    else clock.after(wait, () => run(work));
  };
}
