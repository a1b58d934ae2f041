/** DER writer for the few types that a certificate request needs (X.690). Values are nested Buffers. */
export function tlv(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const n = body.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  if (n > 0xffff) throw new RangeError(`DER value of ${n} bytes`);
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

export const sequence = (...content: Uint8Array[]): Buffer => tlv(0x30, ...content);
export const set = (...content: Uint8Array[]): Buffer => tlv(0x31, ...content);
export const octetString = (...content: Uint8Array[]): Buffer => tlv(0x04, ...content);
/** whole octets: no unused bits */
export const bitString = (content: Uint8Array): Buffer => tlv(0x03, Buffer.of(0), content);
export const TRUE = tlv(0x01, Buffer.of(0xff));

/** 0 to 127 */
export const smallInteger = (value: number): Buffer => tlv(0x02, Buffer.of(value));

/** Dotted decimal. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const out: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let v = Math.floor(arc / 128); v > 0; v = Math.floor(v / 128)) groups.unshift((v & 0x7f) | 0x80);
    out.push(...groups);
  }
  return tlv(0x06, Buffer.from(out));
}
