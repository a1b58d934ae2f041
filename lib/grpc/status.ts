/** Status codes of gRPC; source: grpc.io/docs/guides/status-codes. */
export const STATUS = {
  OK: 0, CANCELLED: 1, UNKNOWN: 2, INVALID_ARGUMENT: 3, DEADLINE_EXCEEDED: 4, NOT_FOUND: 5, ALREADY_EXISTS: 6, PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8, FAILED_PRECONDITION: 9, ABORTED: 10, OUT_OF_RANGE: 11, UNIMPLEMENTED: 12, INTERNAL: 13, UNAVAILABLE: 14, DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type StatusName = keyof typeof STATUS;
export type StatusCode = (typeof STATUS)[StatusName];

const NAMES = Object.keys(STATUS) as StatusName[];

/** Name of a code; a number that is not one reads as UNKNOWN, as the specification wants. */
export function statusName(code: number): StatusName {
  return NAMES[code] ?? 'UNKNOWN';
}

/** Value of a grpc-status header; anything but a known code is UNKNOWN. */
export function parseStatus(value: string | undefined): StatusCode {
  if (value === undefined || !/^(?:0|[1-9]\d?)$/.test(value)) return STATUS.UNKNOWN;
  return STATUS[statusName(Number(value))];
}

/**
 * What the client sees when the response has no grpc-status: the HTTP status decides.
 * Source: grpc/doc/http-grpc-status-mapping.md.
 */
export function statusOfHttp(http: number): StatusCode {
  switch (http) {
    case 400: return STATUS.INTERNAL;
    case 401: return STATUS.UNAUTHENTICATED;
    case 403: return STATUS.PERMISSION_DENIED;
    case 404: return STATUS.UNIMPLEMENTED;
    case 429: case 502: case 503: case 504: return STATUS.UNAVAILABLE;
    default: return STATUS.UNKNOWN;
  }
}

/** Value of grpc-message: bytes of the UTF-8 text outside of space to ~, and the percent sign, as %XX. */
export function encodeMessage(text: string): string {
  let out = '';
  for (const b of Buffer.from(text, 'utf8')) {
    out += b < 0x20 || b > 0x7e || b === 0x25 ? `%${b.toString(16).toUpperCase().padStart(2, '0')}` : String.fromCharCode(b);
  }
  return out;
}

/** Inverse of encodeMessage. Never fails: what is not a valid escape stays as it is, what is not UTF-8 becomes U+FFFD. */
export function decodeMessage(value: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < value.length; i++) {
    const hex = value[i] === '%' ? /^[0-9a-fA-F]{2}/.exec(value.slice(i + 1, i + 3)) : null;
    if (hex) {
      bytes.push(Number.parseInt(hex[0], 16));
      i += 2;
    } else bytes.push(...Buffer.from(value[i]!, 'latin1'));
  }
  return Buffer.from(bytes).toString('utf8');
}
