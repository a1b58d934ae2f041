/** Damerau-Levenshtein distance (optimal string alignment) of two short strings. */
export function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    const above = rows[i - 1]!;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** The candidate a person most likely meant by `word`, or undefined when none is near (a third of its letters may differ). */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const given = word.toLowerCase();
  let best: { name: string; score: number } | undefined;
  for (const name of candidates) {
    const score = distance(given, name.toLowerCase());
    const prefix = given.length >= 3 && name.toLowerCase().startsWith(given);
    const limit = Math.max(1, Math.floor(Math.max(given.length, name.length) / 3));
    if ((prefix || score <= limit) && (!best || score < best.score)) best = { name, score };
  }
  return best?.name;
}
