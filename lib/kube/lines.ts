/** A line longer than this is no watch event: etcd refuses objects over 1.5 MB, JSON at most triples that. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;

/**
 * Cuts a byte stream into lines. Feed it chunks of any size; it returns the lines that they complete, without their newline and without
 * empty ones. What follows the last newline waits for more, and is lost when the stream ends there: half an event is no event.
 *
 * @throws RangeError when a line exceeds 8 MiB
 */
export function lineSplitter(): (chunk: Buffer) => string[] {
  let parts: Buffer[] = [];
  let held = 0;
  return (chunk) => {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10, start); end !== -1; end = chunk.indexOf(10, start)) {
      const piece = chunk.subarray(start, end);
      const line = parts.length === 0 ? piece.toString('utf8') : Buffer.concat([...parts, piece]).toString('utf8');
      parts = [];
      held = 0;
      if (line.trim() !== '') lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      held += chunk.length - start;
      if (held > MAX_LINE_BYTES) throw new RangeError(`a line of the watch is longer than ${MAX_LINE_BYTES} bytes`);
    }
    return lines;
  };
}
