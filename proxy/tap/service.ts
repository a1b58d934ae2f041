/** Tap.Observe on :4190 (tap.proto), served by the proxy's own HTTP/2 codec to the one identity that may tap. */
import * as tables from '../../api/gen/tables.ts';
import { decode, encode, type Init } from '../../lib/grpc/wire.ts';
import { frame, FrameParser } from '../../lib/grpc/frame.ts';
import { encodeMessage, STATUS, type StatusCode } from '../../lib/grpc/status.ts';
import type { TapEvent } from '../../api/gen/tap_pb.js';
import type { SocketAddr } from '../accept/addr.ts';
import { ipMessage } from '../discover/convert.ts';
import { field, ResponseHead, type Fields, type Service } from '../message/contract.ts';
import { MAX_TAPS, type Observer, type TapHub, type Tapped } from './hub.ts';
import { compileTapMatch } from './match.ts';

export const OBSERVE_PATH = '/io.linkerd.proxy.tap.Tap/Observe';
/** Bytes that may wait for a slow reader; events beyond are dropped. */
const MAX_WAITING = 256 * 1024;
const REGISTERED = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'HEAD', 'TRACE'];

export function tapService(hub: TapHub, base: number): Service {
  return (head, _ended, client) => {
    let stop: (() => void) | null = null;
    let waiting = 0;
    let done = false;
    const finish = (status: StatusCode, text: string): void => {
      if (done) return;
      done = true;
      stop?.();
      client.end(['grpc-status', String(status), ...(text === '' ? [] : ['grpc-message', encodeMessage(text)])]);
    };
    const emit = (event: Init<TapEvent>): void => {
      if (done || waiting > MAX_WAITING) return;
      const bytes = frame(encode(tables.tap_TapEvent, event));
      waiting += bytes.length;
      client.data(bytes, 0, bytes.length);
    };
    const parser = new FrameParser((message) => {
      if (stop !== null) throw new Error('one request a call');
      const request = decode(tables.tap_ObserveRequest, message);
      const headers = request.extract?.extract.case === 'http' && request.extract.extract.value.extract.case === 'headers';
      stop = hub.add(new TapObserver(compileTapMatch(request.match), request.limit, headers, base, emit, () => finish(STATUS.OK, '')));
      if (stop === null) finish(STATUS.RESOURCE_EXHAUSTED, `${MAX_TAPS} taps run on this proxy already`);
    });
    client.head(new ResponseHead(200, ['content-type', 'application/grpc']));
    if (head.path !== OBSERVE_PATH || field(head.fields, 'content-type')?.startsWith('application/grpc') !== true) finish(STATUS.UNIMPLEMENTED, `${head.path} is not served here`);
    return {
      data(buf, start, end) {
        if (done) return;
        try {
          parser.push(buf, start, end);
          client.credit(end - start);
        } catch (e) {
          finish(STATUS.INVALID_ARGUMENT, (e as Error).message);
        }
      },
      end() {},
      reset() {
        done = true;
        stop?.();
      },
      credit(n) {
        waiting -= n;
      },
    };
  };
}

class TapObserver implements Observer {
  private left: number;
  private active = 0;
  private readonly matches: (t: Tapped) => boolean;
  private readonly headers: boolean;
  private readonly base: number;
  private readonly emit: (e: Init<TapEvent>) => void;
  private readonly finished: () => void;

  constructor(matches: (t: Tapped) => boolean, limit: number, headers: boolean, base: number, emit: (e: Init<TapEvent>) => void, finished: () => void) {
    this.matches = matches;
    this.left = limit === 0 ? Infinity : limit;
    this.headers = headers;
    this.base = base;
    this.emit = emit;
    this.finished = finished;
  }

  wants(t: Tapped): boolean {
    if (this.left <= 0 || !this.matches(t)) return false;
    this.left--;
    this.active++;
    return true;
  }

  request(t: Tapped): void {
    const { method, scheme, authority, path, fields } = t.request;
    const registered = REGISTERED.indexOf(method);
    this.send(t, { case: 'requestInit', value: {
      id: this.id(t),
      method: { type: registered >= 0 ? { case: 'registered', value: registered } : { case: 'unregistered', value: method } },
      scheme: { type: { case: 'registered', value: scheme === 'https' ? 1 : 0 } },
      authority, path, headers: this.fields(fields),
    } });
  }

  response(t: Tapped): void {
    this.send(t, { case: 'responseInit', value: {
      id: this.id(t), sinceRequestInit: duration(t.responseAt - t.requestAt), httpStatus: t.response!.status, headers: this.fields(t.response!.fields),
    } });
  }

  end(t: Tapped, at: number, trailers: Fields | null, reset: { h2: number } | null): void {
    const status = (trailers === null ? undefined : field(trailers, 'grpc-status')) ?? (t.response === null ? undefined : field(t.response.fields, 'grpc-status'));
    this.send(t, { case: 'responseEnd', value: {
      id: this.id(t),
      sinceRequestInit: duration(at - t.requestAt),
      sinceResponseInit: duration(t.response === null ? 0 : at - t.responseAt),
      responseBytes: BigInt(t.bytes),
      ...(reset !== null ? { eos: { end: { case: 'resetErrorCode', value: reset.h2 } } } : status === undefined ? {} : { eos: { end: { case: 'grpcStatusCode', value: Number(status) || 0 } } }),
      trailers: this.fields(trailers ?? []),
    } });
    this.active--;
    if (this.left <= 0 && this.active === 0) this.finished();
  }

  private id(t: Tapped): { base: number; stream: bigint } {
    return { base: this.base, stream: BigInt(t.id) };
  }

  private fields(fields: Fields): { headers: { name: string; value: Uint8Array }[] } {
    const headers: { name: string; value: Uint8Array }[] = [];
    if (this.headers) for (let i = 0; i < fields.length; i += 2) headers.push({ name: fields[i]!, value: Buffer.from(fields[i + 1]!, 'latin1') });
    return { headers };
  }

  private send(t: Tapped, event: NonNullable<Extract<Init<TapEvent>['event'], { case: 'http' }>['value']>['event']): void {
    const { parties } = t;
    this.emit({
      source: tcpAddress(parties.source), sourceMeta: { labels: parties.sourceLabels },
      destination: tcpAddress(parties.destination), destinationMeta: { labels: parties.destinationLabels },
      ...(parties.routeLabels ? { routeMeta: { labels: parties.routeLabels } } : {}),
      proxyDirection: parties.direction === 'INBOUND' ? 1 : 2,
      event: { case: 'http', value: { event } },
    });
  }
}

function tcpAddress(a: SocketAddr): { ip: ReturnType<typeof ipMessage>; port: number } {
  return { ip: ipMessage(a.ip), port: a.port };
}

function duration(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) };
}

