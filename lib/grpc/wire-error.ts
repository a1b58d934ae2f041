/** truncated: more bytes are needed; value: encode was given something that does not fit. The rest are malformed input. */
export type WireErrorCode = 'truncated' | 'tag' | 'wire-type' | 'varint' | 'utf8' | 'depth' | 'value';

export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
