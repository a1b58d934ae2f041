/** Requests of an HTTP/2 server, each to its handler. */
import { constants, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Clock } from '../../lib/clock.ts';
import { release, ServerCall } from './call.ts';
import type { Caller } from './caller.ts';
import { routesOf, type Router } from './router.ts';

export interface DispatchOptions {
  routes: (router: Router) => void;
  callerOf: (session: ServerHttp2Session) => Caller;
  clock: Clock;
  /** resolves when calls may be answered, rejects with what they are refused with; null when they may be now */
  admit: () => Promise<void> | null;
  /** an error that no handler meant; the client only sees INTERNAL */
  onError: (error: unknown, method: string) => void;
}

export interface Dispatch {
  /** Ends every call that runs with this error. */
  abort(reason: ConnectError): void;
}

const CONTENT_TYPE = /^application\/grpc(\+proto)?($|;)/;
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** setTimeout's own limit; who waits longer has no deadline */
const LONGEST_MS = 2 ** 31 - 1;

export function dispatch(server: Http2Server, { routes, callerOf, clock, admit, onError }: DispatchOptions): Dispatch {
  const methods = routesOf(routes);
  const running = new Set<ServerCall>();

  server.on('stream', (stream, headers) => {
    const path = headers[':path'] ?? '';
    const run = methods.get(path);
    const refusal = refusalOf(headers, run !== undefined);
    if (run === undefined || refusal !== null) return refuse(stream, refusal ?? constants.HTTP_STATUS_NOT_FOUND);
    const call = new ServerCall(stream, callerOf(stream.session as ServerHttp2Session), (error) => onError(error, path.slice(1)));
    running.add(call);
    stream.once('close', () => running.delete(call));
    const deadline = timeoutOf(headers['grpc-timeout']);
    if (deadline !== null) {
      const timer = clock.after(deadline, () => call.fail(new ConnectError('the deadline has passed', Code.DeadlineExceeded)));
      stream.once('close', () => clock.cancel(timer));
    }
    const start = async (message: Uint8Array): Promise<void> => {
      try {
        await admit();
        if (!call.over) await run(call, message);
      } catch (error) {
        call.fail(error);
      }
    };
    call.read((message) => void start(message));
  });

  return {
    abort(reason) {
      for (const call of running) call.abort(reason);
    },
  };
}

/** HTTP status for what is no call of this server. */
function refusalOf(headers: IncomingHttpHeaders & { ':method'?: string }, known: boolean): number | null {
  if (!known) return constants.HTTP_STATUS_NOT_FOUND;
  if (headers[':method'] !== 'POST') return constants.HTTP_STATUS_METHOD_NOT_ALLOWED;
  return CONTENT_TYPE.test(headers['content-type'] ?? '') ? null : constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE;
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  stream.on('error', () => undefined);
  stream.respond({ ':status': status }, { endStream: true });
  release(stream);
}

/** Milliseconds of a grpc-timeout header; null for none. */
function timeoutOf(value: string | string[] | undefined): number | null {
  const match = typeof value === 'string' ? TIMEOUT.exec(value) : null;
  if (match === null) return null;
  const ms = Number(match[1]) * UNIT_MS[match[2]!]!;
  return ms > LONGEST_MS ? null : ms;
}
