import type { Plain } from '../../lib/grpc/wire.ts';
import { parseCidr } from '../../lib/cidr.ts';
import type { ObserveRequest_Match, ObserveRequest_Match_Http, ObserveRequest_Match_Tcp } from '../../api/gen/tap_pb.js';
import type { SocketAddr } from '../accept/addr.ts';
import { ipText } from '../discover/convert.ts';
import { methodName } from '../policy/route-match.ts';
import type { Tapped } from './hub.ts';

export type TapMatcher = (t: Tapped) => boolean;

/** Compiles tap.proto's Match; one without a condition matches everything. Nesting is bounded by the decoder. */
export function compileTapMatch(m: Plain<ObserveRequest_Match> | undefined): TapMatcher {
  const match = m?.match;
  switch (match?.case) {
    case 'all': {
      const all = match.value.matches.map(compileTapMatch);
      return (t) => all.every((f) => f(t));
    }
    case 'any': {
      const any = match.value.matches.map(compileTapMatch);
      return (t) => any.some((f) => f(t));
    }
    case 'not': {
      const not = compileTapMatch(match.value);
      return (t) => !not(t);
    }
    case 'source': {
      const test = tcp(match.value);
      return (t) => test(t.parties.source);
    }
    case 'destination': {
      const test = tcp(match.value);
      return (t) => test(t.parties.destination);
    }
    case 'http': return http(match.value);
    case 'destinationLabel': {
      const { key, value } = match.value;
      return (t) => t.parties.destinationLabels[key] === value;
    }
    case 'routeLabel': {
      const { key, value } = match.value;
      return (t) => t.parties.routeLabels?.[key] === value;
    }
    default: return () => true;
  }
}

function tcp(m: Plain<ObserveRequest_Match_Tcp>): (a: SocketAddr) => boolean {
  if (m.match.case === 'netmask') {
    const net = parseCidr(`${ipText(m.match.value.ip)}/${m.match.value.mask}`);
    return (a) => net?.contains(a.ip) === true;
  }
  if (m.match.case === 'ports') {
    const { min, max } = m.match.value;
    return (a) => a.port >= min && (max === 0 || a.port <= max);
  }
  return () => true;
}

function http(m: Plain<ObserveRequest_Match_Http>): TapMatcher {
  const match = m.match;
  switch (match.case) {
    case 'method': {
      const name = methodName(match.value);
      return (t) => t.request.method === name;
    }
    case 'scheme': {
      const scheme = match.value.type.case === 'registered' ? (match.value.type.value === 0 ? 'http' : 'https') : (match.value.type.value ?? '');
      return (t) => t.request.scheme === scheme;
    }
    case 'authority': {
      const test = text(match.value.match);
      return (t) => test(t.request.authority);
    }
    case 'path': {
      const test = text(match.value.match);
      return (t) => test(t.request.path);
    }
    default: return () => true;
  }
}

function text(m: { case: 'exact' | 'prefix'; value: string } | { case: undefined; value?: undefined }): (s: string) => boolean {
  if (m.case === 'exact') return (s) => s === m.value;
  if (m.case === 'prefix') return (s) => s.startsWith(m.value);
  return () => true;
}
