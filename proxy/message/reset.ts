/** Why an exchange was aborted. One object a reason; compared by identity. `h2` is the RST_STREAM code (RFC 9113 7); `label` the metrics' error label. */
export class Reset {
  readonly label: string;
  readonly h2: number;
  constructor(label: string, h2: number) {
    this.label = label;
    this.h2 = h2;
  }
}

export const RESET = {
  /** the peer lost interest (client went away, RST_STREAM CANCEL) */
  cancel: new Reset('CANCEL', 8),
  /** it took longer than the route allows (layers/timeouts.ts, layers/retry.ts) */
  timeout: new Reset('TIMEOUT', 8),
  /** not processed at all, so safe to retry elsewhere (REFUSED_STREAM, GOAWAY below our stream, connection closed before any byte was sent) */
  refused: new Reset('REFUSED', 7),
  /** the connection broke */
  io: new Reset('IO', 2),
  /** the peer broke the protocol */
  protocol: new Reset('RESET', 1),
  internal: new Reset('RESET', 2),
  enhanceYourCalm: new Reset('ENHANCE_YOUR_CALM', 11),
  /** RST_STREAM NO_ERROR after a complete response: the rest of the request is not wanted */
  noError: new Reset('NO_ERROR', 0),
  /** the client asked for HTTP/1.1 (HTTP_1_1_REQUIRED) */
  http11Required: new Reset('RESET', 13),
} as const;

/** Reason for a received RST_STREAM or GOAWAY code. */
export function resetFromH2(code: number): Reset {
  switch (code) {
    case 0: return RESET.noError;
    case 7: return RESET.refused;
    case 8: return RESET.cancel;
    case 11: return RESET.enhanceYourCalm;
    case 13: return RESET.http11Required;
    default: return code === 1 ? RESET.protocol : RESET.internal;
  }
}
