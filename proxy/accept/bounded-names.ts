/** Names that strangers choose, as metric labels: so many are kept apart, the rest is one. */
export class BoundedNames {
  private readonly known = new Set<string>();
  private readonly max: number;

  constructor(max: number) {
    this.max = max;
  }

  bound(name: string): string {
    if (this.known.has(name)) return name;
    if (this.known.size >= this.max) return '(other)';
    this.known.add(name);
    return name;
  }
}
