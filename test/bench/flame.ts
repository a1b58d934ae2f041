import type { Frame } from './v8-profile.ts';

const WIDTH = 1400;
const ROW = 17;
const HEAD = 28;
/** px; narrower boxes are left out */
const NARROWEST = 0.4;
const CHARACTER = 6.6;

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The runtime's own code is grey, node's modules blue, the proxy's warm; the shade is that of the name. */
function colour(name: string): string {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  const shade = hash % 30;
  if (name.includes(' node:')) return `hsl(${200 + shade}, 55%, 72%)`;
  if (!name.includes(' ')) return `hsl(0, 0%, ${68 + (shade % 15)}%)`;
  return `hsl(${20 + shade}, 80%, 66%)`;
}

function depthOf(f: Frame): number {
  return 1 + f.children.reduce((n, c) => Math.max(n, depthOf(c)), 0);
}

/** A flame graph: width is time with what was called, callers below. The whole name and the share show on hovering. */
export function flameGraph(root: Frame, title: string): string {
  const height = HEAD + depthOf(root) * ROW + 6;
  const boxes: string[] = [];
  const draw = (f: Frame, x: number, level: number): void => {
    const width = (f.total / root.total) * WIDTH;
    if (width < NARROWEST) return;
    const y = height - 4 - (level + 1) * ROW;
    const room = Math.floor((width - 4) / CHARACTER);
    const label = room < 3 ? '' : f.name.length <= room ? f.name : `${f.name.slice(0, room - 1)}…`;
    boxes.push(
      `<g><title>${escape(f.name)}: ${((f.total / root.total) * 100).toFixed(2)} %, by itself ${((f.self / root.total) * 100).toFixed(2)} %</title>`
      + `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colour(f.name)}"/>`
      + `${label === '' ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escape(label)}</text>`}</g>`,
    );
    let at = x;
    for (const c of f.children.slice().sort((a, b) => b.total - a.total)) {
      draw(c, at, level + 1);
      at += (c.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="monospace" font-size="11">
<text x="4" y="18" font-size="14">${escape(title)}</text>
${boxes.join('\n')}
</svg>
`;
}
