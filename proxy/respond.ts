/** The one place where an error of the proxy becomes a response. */
import { ERRORS, type ErrorCode, type ProxyError } from './errors.ts';
import { ANSWERED, field, ResponseHead, type Fields, type RequestHead, type RequestStream, type ResponseStream } from './message/contract.ts';
import { RESET } from './message/reset.ts';

export const ERROR_HEADER = 'l5d-proxy-error';

/** The head of an answer that this proxy made itself; layers tell by it that no endpoint has answered. */
export class OwnAnswer extends ResponseHead {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, status: number, fields: Fields, contentLength = -1) {
    super(status, fields, contentLength);
    this.code = code;
  }
}

export function isGrpc(head: RequestHead): boolean {
  return field(head.fields, 'content-type')?.startsWith('application/grpc') === true;
}

/** Header values carry visible ASCII only. */
function headerText(s: string): string {
  return s.replace(/[^\x20-\x7e]+/g, ' ').trim().slice(0, 512);
}

/** Answers an exchange that nothing has answered yet: gRPC calls by grpc-status in the head (trailers-only), others by HTTP status. Both say why in ERROR_HEADER. */
export function respondError(request: RequestHead, client: ResponseStream, error: ProxyError): void {
  const e = ERRORS[error.code];
  const why = headerText(error.message);
  if (isGrpc(request)) {
    client.head(new OwnAnswer(error.code, 200, ['content-type', 'application/grpc', 'grpc-status', String(e.grpc), 'grpc-message', why.replaceAll('%', '%25'), ERROR_HEADER, why]));
  } else {
    client.head(new OwnAnswer(error.code, e.status, [ERROR_HEADER, why], 0));
  }
  client.end(null);
}

/** What a service returns that has answered at once: the rest of the request is not wanted, and the client is told so. `ended` as in Service. */
export function answeredEarly(ended: boolean, client: ResponseStream): RequestStream {
  if (!ended) client.reset(RESET.noError);
  return ANSWERED;
}

/** HTTP statuses that gRPC clients know how to read, by the gRPC statuses that they read them as (gRPC's http-grpc-status-mapping); others are UNKNOWN. */
const GRPC_OF_HTTP: Record<number, number> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 };

/**
 * Answers an exchange that a fault ends: with an HTTP status (`http`, to a gRPC call as the gRPC status that it stands for) or, where that is -1, with a
 * gRPC status as trailers-only response, whatever was asked. ERROR_HEADER has `message`.
 */
export function respondInjected(request: RequestHead, client: ResponseStream, { http, grpc, message }: { http: number; grpc: number; message: string }): void {
  const why = headerText(message);
  if (http >= 0 && !isGrpc(request)) {
    client.head(new OwnAnswer('INJECTED', http, [ERROR_HEADER, why], 0));
  } else {
    const status = http >= 0 ? (GRPC_OF_HTTP[http] ?? 2) : grpc;
    client.head(new OwnAnswer('INJECTED', 200, ['content-type', 'application/grpc', 'grpc-status', String(status), 'grpc-message', why.replaceAll('%', '%25'), ERROR_HEADER, why]));
  }
  client.end(null);
}

/** What a codec sends before it closes a connection whose request it could not read. */
export function refuse(error: ProxyError): { head: ResponseHead; body: Buffer } {
  const why = headerText(error.message);
  const body = Buffer.from(`${why}\n`, 'latin1');
  return { head: new ResponseHead(ERRORS[error.code].status, ['content-type', 'text/plain', ERROR_HEADER, why], body.length), body };
}
