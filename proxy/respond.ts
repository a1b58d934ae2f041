/** The one place where an error of the proxy becomes a response. */
import { ERRORS, type ErrorCode, type ProxyError } from './errors.ts';
import { field, ResponseHead, type Fields, type RequestHead, type ResponseStream } from './message/contract.ts';

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

/** What a codec sends before it closes a connection whose request it could not read. */
export function refuse(error: ProxyError): { head: ResponseHead; body: Buffer } {
  const why = headerText(error.message);
  const body = Buffer.from(`${why}\n`, 'latin1');
  return { head: new ResponseHead(ERRORS[error.code].status, ['content-type', 'text/plain', ERROR_HEADER, why], body.length), body };
}
