/** Byte classes of RFC 9110 5.5, 5.6.2 and RFC 9112 3, as tables: one load a byte. */

function table(fill: (c: number) => number): Uint8Array {
  const t = new Uint8Array(256);
  for (let c = 0; c < 256; c++) t[c] = fill(c);
  return t;
}

const isAlpha = (c: number): boolean => (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isToken = (c: number): boolean => isAlpha(c) || isDigit(c) || "!#$%&'*+-.^_`|~".includes(String.fromCharCode(c));

/** Token byte -> its lower-case form; 0 for every other byte. */
export const LOWER_TOKEN = table((c) => (isToken(c) ? (c >= 65 && c <= 90 ? c + 32 : c) : 0));
/** 1 for bytes that may stand in a field value: HTAB, SP, VCHAR, obs-text. */
export const VALUE = table((c) => (c === 9 || (c >= 32 && c !== 127) ? 1 : 0));
/** 1 for bytes of a request target: visible, no fragment mark. Bytes above 127 pass, as every server in use lets them. */
export const TARGET = table((c) => (c > 32 && c !== 127 && c !== 35 ? 1 : 0));
/** Value of a hexadecimal digit, 255 for every other byte. */
export const HEX = table((c) => (isDigit(c) ? c - 48 : c >= 65 && c <= 70 ? c - 55 : c >= 97 && c <= 102 ? c - 87 : 255));

const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const BAD_NAME = /[^!#$%&'*+\-.^_`|~0-9a-z]/;
const BAD_TARGET = /[^\x21-\x7e\x80-\xff]/;

/** The same rules on strings, for heads that did not come through this parser. */
export const isFieldValue = (s: string): boolean => !BAD_VALUE.test(s);
export const isFieldName = (s: string): boolean => s.length > 0 && !BAD_NAME.test(s);
export const isVisible = (s: string): boolean => s.length > 0 && !BAD_TARGET.test(s);
