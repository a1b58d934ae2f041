/** Reads a V8 CPU profile: what each function took by itself, and the tree of stacks. */

export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  /** µs before each sample */
  timeDeltas: number[];
}

/** A function in a place of the stack. */
export interface Frame {
  name: string;
  /** µs by itself, and with what it called */
  self: number;
  total: number;
  children: Frame[];
}

/** Not the program's own time. */
const IDLE = '(idle)';

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.split('/').pop() ?? '';
  const place = file === '' ? '' : ` ${url.startsWith('node:') ? url : file}:${lineNumber + 1}`;
  return `${functionName === '' ? '(anonymous)' : functionName}${place}`;
}

/** The stacks as one tree, idle time left out. */
export function tree(profile: CpuProfile): Frame {
  const self = new Map<number, number>();
  profile.samples.forEach((id, i) => self.set(id, (self.get(id) ?? 0) + Math.max(0, profile.timeDeltas[i] ?? 0)));
  const nodes = new Map(profile.nodes.map((n) => [n.id, n]));
  const build = (id: number): Frame => {
    const node = nodes.get(id)!;
    const children = (node.children ?? []).map(build).filter((c) => c.total > 0 && c.name !== IDLE);
    const own = self.get(id) ?? 0;
    return { name: nameOf(node.callFrame), self: own, total: own + children.reduce((n, c) => n + c.total, 0), children };
  };
  return build(profile.nodes[0]!.id);
}

export interface FunctionTime {
  name: string;
  /** shares of the program's own time; total counts recursion once */
  self: number;
  total: number;
}

/** The functions that take most by themselves. */
export function topFunctions(root: Frame, count: number): FunctionTime[] {
  const times = new Map<string, FunctionTime>();
  const visit = (f: Frame, above: Set<string>): void => {
    const t = times.get(f.name) ?? { name: f.name, self: 0, total: 0 };
    times.set(f.name, t);
    t.self += f.self / root.total;
    const recursion = above.has(f.name);
    if (!recursion) {
      t.total += f.total / root.total;
      above.add(f.name);
    }
    for (const c of f.children) visit(c, above);
    if (!recursion) above.delete(f.name);
  };
  visit(root, new Set());
  return [...times.values()].filter((t) => t.self > 0).sort((a, b) => b.self - a.self).slice(0, count);
}
