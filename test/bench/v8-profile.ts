/** Reads V8's profiles of CPU time and of allocations: what each function took by itself, and the tree of stacks. */

interface CallFrame { functionName: string; url: string; lineNumber: number }

export interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame; children?: number[] }[];
  samples: number[];
  /** µs before each sample */
  timeDeltas: number[];
}

interface AllocationNode { callFrame: CallFrame; selfSize: number; children: AllocationNode[] }
export interface AllocationProfile { head: AllocationNode }

/** A function in a place of the stack. */
export interface Frame {
  name: string;
  /** µs or bytes by itself, and with what it called */
  self: number;
  total: number;
  children: Frame[];
}

/** Not the program's own time. */
const IDLE = '(idle)';

/** Module and line for a line of the bundle, both from 1. */
export type Places = (line: number) => string;

/** esbuild writes each module's path over its code. Lines are counted from there. */
export function bundlePlaces(text: string): Places {
  const modules = text.split('\n').flatMap((l, i) => {
    const m = /^\/\/ ((?:[\w.-]+\/)+[\w.-]+\.[jt]s)$/.exec(l);
    return m === null ? [] : [{ from: i + 1, name: m[1]! }];
  });
  return (line) => {
    const found = modules.findLast((m) => m.from < line);
    return found === undefined ? `bundle:${line}` : `${found.name}+${line - found.from}`;
  };
}

function nameOf({ functionName, url, lineNumber }: CallFrame, places: Places): string {
  const place = url === '' ? '' : ` ${url.startsWith('node:') ? `${url}:${lineNumber + 1}` : places(lineNumber + 1)}`;
  return `${functionName === '' ? '(anonymous)' : functionName}${place}`;
}

/** The stacks as one tree, idle time left out. */
export function tree(profile: CpuProfile, places: Places): Frame {
  const self = new Map<number, number>();
  profile.samples.forEach((id, i) => self.set(id, (self.get(id) ?? 0) + Math.max(0, profile.timeDeltas[i] ?? 0)));
  const nodes = new Map(profile.nodes.map((n) => [n.id, n]));
  const build = (id: number): Frame => {
    const node = nodes.get(id)!;
    const children = (node.children ?? []).map(build).filter((c) => c.total > 0 && c.name !== IDLE);
    const own = self.get(id) ?? 0;
    return { name: nameOf(node.callFrame, places), self: own, total: own + children.reduce((n, c) => n + c.total, 0), children };
  };
  return build(profile.nodes[0]!.id);
}

/** What was allocated, as the same tree. */
export function allocationTree(profile: AllocationProfile, places: Places): Frame {
  const build = (node: AllocationNode): Frame => {
    const children = node.children.map(build);
    return { name: nameOf(node.callFrame, places), self: node.selfSize, total: node.selfSize + children.reduce((n, c) => n + c.total, 0), children };
  };
  return build(profile.head);
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
