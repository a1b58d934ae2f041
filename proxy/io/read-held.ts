/** What a socket has read and nobody has taken yet. */
export interface Holding {
  readonly readableLength: number;
  read(): unknown;
}

/** All of it, null when there is nothing. Up to Node 24 read() gave everything at once, from Node 26 on it gives one piece. */
export function readHeld(socket: Holding): Buffer | null {
  const first = socket.read() as Buffer | null;
  if (first === null || socket.readableLength === 0) return first;
  const pieces = [first];
  while (socket.readableLength > 0) pieces.push(socket.read() as Buffer);
  return Buffer.concat(pieces);
}
