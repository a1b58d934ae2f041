/** White space around the parts of a chunk extension is bad, says RFC 9112 7.1.1, and has to be taken: Node does not. */
const SPACED_EXTENSION = /[0-9a-f];[^\r]*[ \t]/i;
/** Trailer fields of framing are dropped here (RFC 9110 6.5.1); Node takes them for framing, and finds fault. */
const FRAMING_TRAILER = /\r\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*?(?:content-length|transfer-encoding):/i;

/** True when Node's error is about something in the message that RFC 9112 allows, or that never gets past us. */
export function refusedNeedlessly(error: string | null, message: Buffer): boolean {
  const text = message.toString('latin1');
  if (error === 'HPE_STRICT') return SPACED_EXTENSION.test(text);
  return (error === 'HPE_INVALID_CONTENT_LENGTH' || error === 'HPE_INVALID_TRANSFER_ENCODING') && FRAMING_TRAILER.test(text);
}
