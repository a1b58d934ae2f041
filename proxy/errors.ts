/**
 * Every error that the proxy answers with by itself: a stable code, the HTTP status and the gRPC status it turns into, and the label it is
 * counted under (Linkerd's error labels where there is one). respond.ts is the only file that turns one into a response.
 */
export const ERRORS = {
  FAIL_FAST: { status: 503, grpc: 14, label: 'failfast', text: 'no endpoint became available in time' },
  NO_ENDPOINTS: { status: 503, grpc: 14, label: 'failfast', text: 'the service has no endpoints' },
  LOAD_SHED: { status: 503, grpc: 14, label: 'loadshed', text: 'too many requests are waiting' },
  CONNECT: { status: 502, grpc: 14, label: 'i/o', text: 'the endpoint could not be connected to' },
  CONNECT_TIMEOUT: { status: 504, grpc: 14, label: 'connect timeout', text: 'connecting to the endpoint took too long' },
  IDENTITY: { status: 502, grpc: 14, label: 'identity required', text: 'the endpoint did not prove the expected identity' },
  IO: { status: 502, grpc: 14, label: 'i/o', text: 'the connection to the endpoint broke' },
  BAD_GATEWAY: { status: 502, grpc: 13, label: 'protocol', text: 'the endpoint broke the protocol' },
  REQUEST_TIMEOUT: { status: 504, grpc: 4, label: 'request timeout', text: 'the request took too long' },
  RESPONSE_TIMEOUT: { status: 504, grpc: 4, label: 'response timeout', text: 'the response took too long' },
  HEADERS_TIMEOUT: { status: 504, grpc: 4, label: 'response headers timeout', text: 'the response did not begin in time' },
  IDLE_TIMEOUT: { status: 504, grpc: 4, label: 'idle timeout', text: 'nothing was sent for too long' },
  RATE_LIMITED: { status: 429, grpc: 8, label: 'rate limited', text: 'the rate limit of this port is used up' },
  NO_ROUTE: { status: 404, grpc: 12, label: 'no route', text: 'no route takes the request' },
  NO_BACKEND: { status: 500, grpc: 13, label: 'no backend', text: 'the route has no valid backend' },
  INJECTED: { status: 503, grpc: 14, label: 'injected', text: 'failed on purpose, by a fault' },
  DENIED: { status: 403, grpc: 7, label: 'unauthorized', text: 'the client is not authorized' },
  BAD_REQUEST: { status: 400, grpc: 13, label: 'bad request', text: 'the request is malformed' },
  URI_TOO_LONG: { status: 414, grpc: 13, label: 'bad request', text: 'the request target is too long' },
  HEAD_TOO_LARGE: { status: 431, grpc: 8, label: 'bad request', text: 'the request head is too large' },
  CLIENT_TIMEOUT: { status: 408, grpc: 4, label: 'bad request', text: 'the request did not arrive in time' },
  METHOD_NOT_IMPLEMENTED: { status: 501, grpc: 12, label: 'bad request', text: 'the method or a transfer coding of the request is not implemented' },
  VERSION_NOT_SUPPORTED: { status: 505, grpc: 12, label: 'bad request', text: 'the HTTP version is not supported' },
} as const;

export type ErrorCode = keyof typeof ERRORS;

export class ProxyError extends Error {
  readonly code: ErrorCode;
  /** counted reason of a parse error, e.g. 'conflicting-content-length'; '' otherwise */
  readonly reason: string;
  constructor(code: ErrorCode, detail = '', reason = '') {
    super(detail || ERRORS[code].text);
    this.code = code;
    this.reason = reason;
  }
}
