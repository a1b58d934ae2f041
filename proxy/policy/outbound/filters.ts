import type { Plain } from '../../../lib/grpc/wire.ts';
import type { Fault as FaultMessage, Fault_Delay, PathModifier, RequestHeaderModifier, RequestRedirect, ResponseHeaderModifier } from '../../../api/gen/http_route_pb.js';
import type { Headers, Scheme } from '../../../api/gen/http_types_pb.js';
import type { GrpcRoute_Filter, HttpRoute_Filter, OpaqueRoute_Filter, TlsRoute_Filter } from '../../../api/gen/outbound_pb.js';
import type { HeaderChange } from '../../layers/headers.ts';
import type { Fields } from '../../message/contract.ts';
import { strictMatch } from '../route-match.ts';
import { compileMirror } from './backends.ts';
import { PolicyError, type Answer, type Fault, type Filter, type PathChange, type TcpFilter } from './model.ts';
import { metaOf, millisOf, shareOf } from './wire.ts';

/** The filters of a rule or a backend, in their order. Throws PolicyError on one that cannot be followed: leaving it out could let through what it is there to stop. */
export function compileFilters(all: readonly (Plain<HttpRoute_Filter> | Plain<GrpcRoute_Filter>)[]): Filter[] {
  return all.map(({ kind }): Filter => {
    switch (kind.case) {
      case 'requestHeaderModifier': return { kind: 'request-headers', change: headerChange(kind.value) };
      case 'responseHeaderModifier': return { kind: 'response-headers', change: headerChange(kind.value) };
      case 'redirect': return redirect(kind.value);
      case 'urlRewrite': return { kind: 'rewrite', host: kind.value.host.toLowerCase(), path: pathChange(kind.value.path) };
      case 'mirror': return { kind: 'mirror', backend: compileMirror(kind.value.backend), share: shareOf(kind.value.fraction) };
      case 'failureInjector': {
        const f = kind.value;
        const answer = 'status' in f ? httpAnswer(f.status, f.message) : grpcAnswer(f.code, f.message);
        return { kind: 'fail', answer, share: shareOf(f.ratio) };
      }
      case 'fault': return { kind: 'fault', ...fault(kind.value) };
      default: throw new PolicyError('a filter is of a kind that this proxy does not know');
    }
  });
}

export function compileTcpFilters(all: readonly (Plain<OpaqueRoute_Filter> | Plain<TlsRoute_Filter>)[]): TcpFilter[] {
  return all.map(({ kind }): TcpFilter => {
    switch (kind.case) {
      case 'forbidden': return { kind: 'forbidden' };
      case 'invalid': return { kind: 'invalid', message: kind.value.message };
      default: throw new PolicyError('a filter is of a kind that this proxy does not know');
    }
  });
}

/** Fields that describe the message as the connection carries it: changing them would make two hops see two messages (RFC 9112 6). */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'upgrade', 'te', 'trailer']);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

function headerChange(m: Plain<RequestHeaderModifier> | Plain<ResponseHeaderModifier>): HeaderChange {
  return { add: pairs(m.add), set: pairs(m.set), remove: m.remove.map(fieldName) };
}

function pairs(h: Plain<Headers> | undefined): Fields {
  return (h?.headers ?? []).flatMap(({ name, value }) => {
    const text = Buffer.from(value).toString('latin1').trim();
    if (/[\0\r\n]/.test(text)) throw new PolicyError(`the value of header ${name} has a line break in it`);
    return [fieldName(name), text];
  });
}

function fieldName(name: string): string {
  const lower = name.toLowerCase();
  if (!TOKEN.test(lower)) throw new PolicyError(`"${name}" is not a header name`);
  if (FRAMING.has(lower)) throw new PolicyError(`header ${name} belongs to the connection and cannot be changed`);
  return lower;
}

function redirect(m: Plain<RequestRedirect>): Filter {
  const status = m.status === 0 ? 301 : m.status;
  if (status < 300 || status > 399) throw new PolicyError(`a redirect has status ${status}`);
  if (m.port > 65_535) throw new PolicyError(`a redirect has port ${m.port}`);
  return { kind: 'redirect', scheme: schemeName(m.scheme), host: m.host.toLowerCase(), port: m.port, status, path: pathChange(m.path) };
}

function schemeName(s: Plain<Scheme> | undefined): string {
  if (s?.type.case === 'registered') return s.type.value === 1 ? 'https' : 'http';
  return s?.type.value ?? '';
}

function pathChange(m: Plain<PathModifier> | undefined): PathChange | null {
  const replace = m?.replace;
  if (replace?.case === undefined) return null;
  if (/[\0-\x20\x7f-\uffff?#]/.test(replace.value)) throw new PolicyError(`"${replace.value}" is not a path`);
  return replace.case === 'full' ? { full: replace.value } : { prefix: replace.value };
}

function httpAnswer(status: number, message: string): Answer {
  if (status < 200 || status > 599) throw new PolicyError(`a failure is to be answered with status ${status}`);
  return { http: status, grpc: -1, message: message || 'injected: a failure injector' };
}

function grpcAnswer(code: number, message: string): Answer {
  if (code > 16) throw new PolicyError(`a failure is to be answered with gRPC status ${code}`);
  return { http: -1, grpc: code, message: message || 'injected: a failure injector' };
}

function fault(m: Plain<FaultMessage>): Fault {
  const { abort, delay } = m;
  let answer: Answer | null = null;
  const why = abort === undefined || abort.message === '' ? 'injected: failed on purpose, by a fault' : `injected: ${abort.message}`;
  if (abort?.kind.case === 'httpStatus') answer = httpAnswer(abort.kind.value, why);
  if (abort?.kind.case === 'grpcStatus') answer = grpcAnswer(abort.kind.value, why);
  return {
    meta: metaOf(m.metadata),
    matches: m.matches.map(strictMatch),
    delay: delay === undefined ? null : { share: shareOf(delay.ratio), ms: delayOf(delay) },
    abort: answer === null ? null : { share: shareOf(abort!.ratio), answer },
    until: m.untilUnixSeconds === 0n ? Infinity : Number(m.untilUnixSeconds) * 1000,
  };
}

function delayOf({ kind }: Plain<Fault_Delay>): (random: () => number) => number {
  if (kind.case === 'fixed') {
    const ms = millisOf(kind.value);
    return () => ms;
  }
  if (kind.case === 'uniform') {
    const min = millisOf(kind.value.min);
    const max = Math.max(min, millisOf(kind.value.max));
    return (random) => min + (max - min) * random();
  }
  if (kind.case !== 'normal') throw new PolicyError('a delay has no length');
  const mean = millisOf(kind.value.mean);
  const deviation = millisOf(kind.value.standardDeviation);
  // Box and Muller's transform; 1 - random() is never 0.
  return (random) => Math.max(0, mean + deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
}
