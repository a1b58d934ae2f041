/** The shop's stock and what readers say of it: the data behind the books, reviews and quotes roles. */

export interface Book {
  id: string;
  title: string;
  author: string;
  pence: number;
}

export interface Review {
  reader: string;
  /** 1 to 5 */
  stars: number;
  text: string;
}

export const SHELF: Book[] = [
  { id: 'b1', title: 'The Lighthouse Ledger', author: 'Ines Okafor', pence: 1299 },
  { id: 'b2', title: 'Salt on the Stairs', author: 'Tomasz Wren', pence: 899 },
  { id: 'b3', title: 'A Field Guide to Quiet Roads', author: 'Marta Lindqvist', pence: 1550 },
  { id: 'b4', title: 'Nine Ways to Fold a Map', author: 'Ravi Castellan', pence: 1075 },
  { id: 'b5', title: 'The Clockmaker of Dunmore', author: 'Aoife Brandt', pence: 1120 },
  { id: 'b6', title: 'Bread for the Night Shift', author: 'Louis Achterberg', pence: 950 },
];

export const REVIEWS: Record<string, Review[]> = {
  b1: [
    { reader: 'Hana', stars: 5, text: 'I kept the lamp on until the last page.' },
    { reader: 'Jules', stars: 4, text: 'More bookkeeping than storms, and better for it.' },
  ],
  b2: [{ reader: 'Pavel', stars: 3, text: 'The second half finds its feet.' }],
  b3: [{ reader: 'Noor', stars: 5, text: 'Took it on a walk and came home late.' }],
  b4: [{ reader: 'Bea', stars: 4, text: 'The fourth way tears the map.' }],
  b5: [{ reader: 'Otis', stars: 4, text: 'Every chapter ends on the hour.' }],
  b6: [{ reader: 'Ken', stars: 5, text: 'Read it with flour on the cover.' }],
};

export const QUOTES: string[] = [
  'A shelf is a promise to come back.',
  'Nobody was ever late who stopped to read the last page.',
  'The margin is where the reader answers.',
  'Borrowed books know the longest roads.',
];
