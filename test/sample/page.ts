import type { Book, Review } from './shelf.ts';

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ESCAPES[c]!);
}

function item({ book, reviews }: { book: Book; reviews: Review[] }): string {
  const said = reviews.map((r) => `<li>${'★'.repeat(r.stars)} ${escape(r.text)} <cite>${escape(r.reader)}</cite></li>`).join('');
  return `<li><b>${escape(book.title)}</b> by ${escape(book.author)}, £${(book.pence / 100).toFixed(2)}<ul>${said}</ul></li>`;
}

/** The shop's front page. */
export function page(items: { book: Book; reviews: Review[] }[]): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>The corner bookshop</title></head>
<body>
<h1>The corner bookshop</h1>
<ul>
${items.map(item).join('\n')}
</ul>
</body>
</html>
`;
}
