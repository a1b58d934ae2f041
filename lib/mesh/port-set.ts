/** Ports and ranges as annotations give them: `25,587,9000-9100,mysql`. */
export type PortSet = (port: number) => boolean;

/**
 * Reads a list of ports, ranges and names of container ports (`names`: name -> number). What cannot be understood is left out: the injector
 * and `kubectl mesh check` are the ones that tell people.
 */
export function portSet(text: string, names: ReadonlyMap<string, number> = new Map()): PortSet {
  const ranges: [number, number][] = [];
  for (const item of text.split(',')) {
    const word = item.trim();
    const match = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(word);
    const from = match ? Number(match[1]) : names.get(word);
    const to = match?.[2] === undefined ? from : Number(match[2]);
    if (from !== undefined && to !== undefined && from >= 1 && from <= to && to <= 65_535) ranges.push([from, to]);
  }
  return (port) => ranges.some(([from, to]) => port >= from && port <= to);
}
