/** Upper bounds of the proxy's response_latency_ms buckets, milliseconds; Linkerd's, and +Inf. */
export const BOUNDS = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 40000, 50000, Infinity,
];

const INDEX = new Map(BOUNDS.map((bound, i) => [bound, i]));

/** Index of the bucket of label `le`; undefined for a bound that is not ours. */
export function bucketIndex(le: string | undefined): number | undefined {
  return le === undefined ? undefined : INDEX.get(le === '+Inf' ? Infinity : Number(le));
}

/**
 * The q-quantile of observations whose cumulative counts per bucket start at `offset` of `counts`, in milliseconds: linear within its bucket,
 * as Prometheus' histogram_quantile; the last finite bound when it lies beyond. Null without observations.
 */
export function quantile(q: number, counts: ArrayLike<number>, offset: number): number | null {
  const total = counts[offset + BOUNDS.length - 1]!;
  if (!(total > 0)) return null;
  const rank = q * total;
  let i = 0;
  while (i < BOUNDS.length - 1 && counts[offset + i]! < rank) i++;
  if (i === BOUNDS.length - 1) return BOUNDS[BOUNDS.length - 2]!;
  const low = i === 0 ? 0 : BOUNDS[i - 1]!;
  const below = i === 0 ? 0 : counts[offset + i - 1]!;
  const inside = counts[offset + i]! - below;
  return inside > 0 ? low + (BOUNDS[i]! - low) * ((rank - below) / inside) : BOUNDS[i]!;
}
