import type { Distribution, Filter, OutboundPolicy, OutboundProtocol, OutboundRule, RouteBackend } from './model.ts';

/**
 * The policy as a stock linkerd2-proxy can follow it. One kind of filter that it does not know makes it refuse a whole policy and answer 500 to every request,
 * and fields that it does not know it passes over. So what only adds to a request (mirrors, faults) is left out; a rule that would do something else without what it
 * asks for fails by itself; and retries of some methods alone, which would become retries of all, are none.
 */
export function forStockProxy(policy: OutboundPolicy): OutboundPolicy {
  return { ...policy, protocol: protocolFor(policy.protocol) };
}

function protocolFor(protocol: OutboundProtocol): OutboundProtocol {
  switch (protocol.kind) {
    case 'detect':
    case 'http1':
    case 'http2':
      return { ...protocol, http: protocol.http.map((route) => ({ ...route, rules: route.rules.map((rule) => ruleFor(rule, httpFilters)) })) };
    case 'grpc':
      return { ...protocol, grpc: protocol.grpc.map((route) => ({ ...route, rules: route.rules.map((rule) => ruleFor(rule, grpcFilters)) })) };
    case 'tls':
    case 'opaque':
      return protocol;
  }
}

type Filters = (filters: Filter[]) => Filter[];

function ruleFor<M>({ retry, ...rule }: OutboundRule<M>, known: Filters): OutboundRule<M> {
  return { ...rule, filters: known(rule.filters), distribution: distributionFor(rule.distribution, known), ...(retry && retry.methods.length === 0 && { retry }) };
}

function distributionFor(given: Distribution, known: Filters): Distribution {
  const inTerms = <B extends RouteBackend>(one: B): B => ({ ...one, filters: known(one.filters) });
  switch (given.kind) {
    case 'none':
      return given;
    case 'first':
      return { ...given, backends: given.backends.map(inTerms) };
    case 'weighted':
      return { ...given, backends: given.backends.map(inTerms) };
  }
}

const FAILS = (what: string): Filter => ({ kind: 'fail', message: `the client's linkerd2-proxy cannot ${what}` });

function httpFilters(filters: Filter[]): Filter[] {
  return filters.flatMap((filter) => (isExtra(filter) ? [] : filter.kind === 'rewrite' ? [FAILS('rewrite requests')] : [filter]));
}

function grpcFilters(filters: Filter[]): Filter[] {
  return filters.flatMap((filter) => (isExtra(filter) ? [] : filter.kind === 'response-headers' ? [FAILS('change header fields of gRPC responses')] : [filter]));
}

const isExtra = ({ kind }: Filter): boolean => kind === 'mirror' || kind === 'fault';
