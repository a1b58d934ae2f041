import assert from 'node:assert/strict';

const POLL_MS = 5;
const TRIES = 2000;

/** Waits for what comes true by itself; fails with `what` after ten seconds. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < TRIES; i++) {
    if (holds()) return;
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
  assert.fail(`never came true: ${what}`);
}
