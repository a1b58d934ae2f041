import { frame } from '../../lib/grpc/frame.ts';
import { encode, type Init, type Table } from '../../lib/grpc/wire.ts';
import type { Frames } from './call.ts';

/** Messages as they are sent. */
export function encodeFrames<T>(table: Table<T>, messages: readonly Init<T>[]): Frames {
  const framed = messages.map((message) => frame(encode(table, message)));
  return { bytes: framed.length === 1 ? framed[0]! : Buffer.concat(framed), count: messages.length };
}

/** Encodes what is made of an object once, for as long as somebody holds the object: many streams send the same. */
export function framesOnce<K extends object, T>(table: Table<T>, message: (of: K) => Init<T>): (of: K) => Frames {
  const made = new WeakMap<K, Frames>();
  return (of) => {
    let frames = made.get(of);
    if (frames === undefined) {
      frames = encodeFrames(table, [message(of)]);
      made.set(of, frames);
    }
    return frames;
  };
}
