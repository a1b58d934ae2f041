/**
 * Offset of the first character at which a text can no longer become JSON. Messages of JSON.parse name a position only sometimes; but a prefix that
 * is right so far fails with nothing worse than having ended too soon, so the place is found by halving.
 */
export function jsonErrorAt(text: string): number {
  let good = 0;
  let bad = text.length;
  while (good < bad) {
    const middle = Math.floor((good + bad) / 2);
    if (endsTooSoon(text.slice(0, middle + 1))) good = middle + 1;
    else bad = middle;
  }
  return Math.min(good, Math.max(0, text.length - 1));
}

function endsTooSoon(prefix: string): boolean {
  try {
    JSON.parse(prefix);
    return true;
  } catch (error) {
    const { message } = error as Error;
    return message.startsWith('Unexpected end') || Number(/position (\d+)/.exec(message)?.[1]) >= prefix.length;
  }
}
