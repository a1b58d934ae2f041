import assert from 'node:assert/strict';
import { once } from 'node:events';
import { create } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { HttpMethod_Registered, Scheme_Registered } from '../../api/gen/http_types_pb.js';
import { Tap, type ObserveRequest, type TapEvent as WireEvent, TapEventSchema, TapEvent_ProxyDirection } from '../../api/gen/tap_pb.js';
import type { TapEvent } from '../../api/metrics-api.ts';
import { tap_ObserveRequest, tap_TapEvent } from '../../api/gen/tables.ts';
import { systemClock } from '../../lib/clock.ts';
import { decode, encode, type Plain } from '../../lib/grpc/wire.ts';
import { silentLog } from '../../lib/log.ts';
import { ApiError } from '../aggregated/status.ts';
import type { PodDirectory } from '../metrics/directory.ts';
import { type PodFacts, factsOf } from '../metrics/facts.ts';
import { serveGrpc } from '../serve/grpc.ts';
import { testMesh, until } from '../serve/testing/mesh.ts';
import { callerOf } from '../serve/caller.ts';
import { redact, toEvent } from './event.ts';
import { observe } from './observe.ts';
import { observeRequest, readSpec } from './request.ts';
import { type ObservePod, tap } from './session.ts';

const query = (text: string): URLSearchParams => new URLSearchParams(text);
const API = 'api.shop.serviceaccount.identity.mesh-system.cluster.local';
const CONTROL = 'mesh-control.mesh-system.serviceaccount.identity.mesh-system.cluster.local';

function podFacts(name: string, more: { ip?: string; meshed?: boolean; live?: boolean } = {}): PodFacts {
  const { ip = '10.0.0.1', meshed = true, live = true } = more;
  return factsOf({
    metadata: {
      name, namespace: 'shop', labels: { ...(meshed && { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' }), 'kubectl-mesh.io/proxy-deployment': 'api' },
      ...(!live && { deletionTimestamp: '2030-01-01T00:00:00Z' }),
    },
    spec: { containers: [], serviceAccountName: 'api' },
    status: { phase: 'Running', podIP: ip },
  }, 'mesh-system');
}

function requestEvent(stream = 1n): WireEvent {
  return create(TapEventSchema, {
    source: { ip: { ip: { case: 'ipv4', value: 0x0a000001 } }, port: 40_000 },
    sourceMeta: { labels: { client_id: 'web-id', tls: 'true' } },
    destination: { ip: { ip: { case: 'ipv6', value: { first: 0xfd00000000000000n, last: 0x1n } } }, port: 8080 },
    proxyDirection: TapEvent_ProxyDirection.INBOUND,
    event: { case: 'http', value: { event: { case: 'requestInit', value: {
      id: { base: 7, stream }, method: { type: { case: 'registered', value: HttpMethod_Registered.POST } }, scheme: { type: { case: 'registered', value: Scheme_Registered.HTTP } },
      authority: 'api.shop', path: '/pay', headers: { headers: [{ name: 'authorization', value: Buffer.from('Bearer x') }, { name: 'x-id', value: Buffer.from('1') }] },
    } } } },
  });
}

const plain = (event: WireEvent): Plain<WireEvent> => decode(tap_TapEvent, encode(tap_TapEvent, event));

describe('tap: what is asked', () => {
  it('becomes one match of all conditions', () => {
    const spec = readSpec(query('maxRps=10&method=get&path=/api&authority=a.b&scheme=https&toKind=deployment&toName=db'), 'shop');
    const request = decode(tap_ObserveRequest, encode(tap_ObserveRequest, observeRequest(spec, 3)));
    assert.equal(request.limit, 3);
    assert.equal(request.extract?.extract.case, 'http');
    assert.equal(request.match?.match.case, 'all');
    const matches = (request.match.match.value as { matches: { match: { case: string; value: unknown } }[] }).matches.map((m) => m.match);
    assert.deepEqual(matches.map((m) => m.case), ['http', 'http', 'http', 'http', 'destinationLabel', 'destinationLabel']);
    assert.deepEqual(matches.slice(4).map((m) => m.value), [{ key: 'deployment', value: 'db' }, { key: 'namespace', value: 'shop' }]);
    assert.deepEqual(matches[0]!.value, { match: { case: 'method', value: { type: { case: 'registered', value: 0 } } } });
  });

  it('nothing asked is everything, at a hundred a second', () => {
    const spec = readSpec(query(''), 'shop');
    assert.deepEqual([spec.maxRps, spec.match], [100, { match: { case: 'all', value: { matches: [] } } }]);
    assert.equal(observeRequest({ ...spec, maxRps: 1 }, 50).limit, 1);
  });

  it('what cannot be understood is refused in words', () => {
    for (const bad of ['maxRps=0', 'maxRps=x', 'scheme=ftp', 'toKind=pod', 'toName=x', 'status=500']) {
      assert.throws(() => readSpec(query(bad), 'shop'), (e) => e instanceof ApiError && e.code === 400, bad);
    }
  });
});

describe('tap: what is told', () => {
  it('a request, with what the cluster knows of its ends and without secrets', () => {
    const event = toEvent('shop/api-1', plain(requestEvent()), (ip) => (ip === 'fd00::1' ? podFacts('api-1') : undefined));
    assert.deepEqual(event, {
      pod: 'shop/api-1', id: '7.1', proxyDirection: 'INBOUND',
      source: { ip: '10.0.0.1', port: 40_000, metadata: { client_id: 'web-id', tls: 'true' } },
      destination: { ip: 'fd00::1', port: 8080, metadata: { namespace: 'shop', pod: 'api-1', deployment: 'api' } },
      requestInit: { method: 'POST', scheme: 'http', authority: 'api.shop', path: '/pay', headers: [['authorization', '[redacted]'], ['x-id', '1']] },
    });
  });

  it('a response and its end', () => {
    const base = requestEvent();
    const id = { base: 7, stream: 1n };
    const of = (event: Parameters<typeof create<typeof TapEventSchema>>[1]): TapEvent | undefined => toEvent('p', plain(create(TapEventSchema, { ...base, ...event } as never)), () => undefined);
    assert.deepEqual(of({ event: { case: 'http', value: { event: { case: 'responseInit', value: { id, sinceRequestInit: { seconds: 1n, nanos: 2000 }, httpStatus: 503 } } } } })?.responseInit,
      { sinceRequestInitMicros: 1_000_002, httpStatus: 503, headers: [] });
    const end = { id, sinceRequestInit: { seconds: 0n, nanos: 5000 }, sinceResponseInit: { seconds: 0n, nanos: 1000 }, responseBytes: 12n };
    assert.deepEqual(of({ event: { case: 'http', value: { event: { case: 'responseEnd', value: { ...end, eos: { end: { case: 'grpcStatusCode', value: 5 } } } } } } })?.responseEnd,
      { sinceRequestInitMicros: 5, sinceResponseInitMicros: 1, responseBytes: 12, grpcStatus: 5, trailers: [] });
    assert.equal(of({ event: { case: 'http', value: { event: { case: 'responseEnd', value: { ...end, eos: { end: { case: 'resetErrorCode', value: 8 } } } } } } })?.responseEnd?.resetErrorCode, 8);
    assert.equal(of({ event: { case: undefined } }), undefined);
  });

  it('fields that carry secrets lose their values, whatever they are', () => {
    const secret = fc.constantFrom('Authorization', 'cookie', 'set-cookie', 'x-api-key', 'X-Auth-Token', 'x-amz-security-token', 'my_secret', 'password');
    fc.assert(fc.property(secret, fc.string({ minLength: 11 }), (name, value) => {
      assert.deepEqual(redact([[name, value]]), [[name, '[redacted]']]);
    }));
    const kept: [string, string][] = [['content-type', 'x'], ['x-tokenizer', 'y'], ['monkey', 'z']];
    assert.deepEqual(redact(kept), kept);
  });
});

describe('tap: a proxy is asked over mesh TLS', () => {
  it('by an identity it can check, checking its own; ends with the limit or the signal', async () => {
    const mesh = await testMesh();
    const requests: { limit: number; caller: string }[] = [];
    let cancelled = 0;
    const server = await serveGrpc({
      host: '127.0.0.1', port: 0, identity: await mesh.identity(API), log: silentLog(), clock: systemClock,
      routes: (router) => void router.service(Tap, {
        async* observe(request: ObserveRequest, context) {
          requests.push({ limit: request.limit, caller: callerOf(context).identity });
          for (let i = 0; i < (request.limit || 1); i++) yield requestEvent(BigInt(i));
          if (request.limit !== 0) return;
          await once(context.signal, 'abort');
          cancelled++;
        },
      }),
    });
    try {
      const credentials = await mesh.credentials(CONTROL);
      let opened = 0;
      const ids: bigint[] = [];
      const call = {
        ip: '127.0.0.1', port: server.port, identity: API, credentials, opened: () => { opened++; },
        event: (e: Plain<WireEvent>) => { ids.push(e.event.case === 'http' ? e.event.value.event.value!.id!.stream : -1n); },
      };
      await observe({ ...call, request: { limit: 3 }, signal: new AbortController().signal });
      assert.deepEqual([opened, ids], [1, [0n, 1n, 2n]]);
      assert.deepEqual(requests, [{ limit: 3, caller: CONTROL }]);

      const over = new AbortController();
      const endless = observe({ ...call, request: {}, signal: over.signal });
      await until(() => ids.length === 4);
      over.abort();
      await endless;
      await until(() => cancelled === 1);

      const signal = new AbortController().signal;
      await assert.rejects(observe({ ...call, identity: 'other.shop.test', request: {}, signal }), /is api\.shop\..*, not other\.shop\.test/);
      const stranger = await testMesh();
      await assert.rejects(observe({ ...call, credentials: { ...await stranger.credentials(CONTROL), anchors: credentials.anchors }, request: {}, signal }));
      await assert.rejects(observe({ ...call, credentials: { ...credentials, anchors: stranger.root.certificate }, request: {}, signal }));
      assert.equal(requests.length, 2);
    } finally {
      await server.stop();
    }
  });
});

describe('tap: all pods of a workload', () => {
  const known = new Map<string, PodFacts>();
  const listeners = new Set<(pod: PodFacts, gone: boolean) => void>();
  const directory: PodDirectory = {
    pods: () => known.values(), get: (k) => known.get(k), byIp: () => undefined, synced: Promise.resolve(), problem: () => null, stop: () => Promise.resolve(),
    onChange(listener) {
      listeners.add(listener);
      for (const p of known.values()) listener(p, false);
      return () => listeners.delete(listener);
    },
  };
  const change = (pod: PodFacts, gone = false): void => {
    if (gone) known.delete(pod.key);
    else known.set(pod.key, pod);
    for (const listener of listeners) listener(pod, gone);
  };
  afterEach(() => {
    assert.equal(listeners.size, 0);
    known.clear();
  });

  const start = (observePod: ObservePod, signal: AbortSignal, emit: (e: TapEvent) => void = () => {}, name = 'api'): ReturnType<typeof tap> => tap({
    kind: 'deployment', namespace: 'shop', name, spec: { maxRps: 10, match: {} }, directory, observe: observePod, clock: systemClock, signal, emit,
  });
  const running: ObservePod = (_pod, { opened, signal }) => {
    opened();
    return new Promise((resolve) => { signal.addEventListener('abort', () => resolve()); });
  };

  it('are followed as they come and go, until the caller has gone', async () => {
    const over = new AbortController();
    const log: string[] = [];
    change(podFacts('a'));
    change(podFacts('unmeshed', { meshed: false }));
    const events: TapEvent[] = [];
    const { ended } = await start(async (pod, call) => {
      log.push(`${pod.name} ${call.request.limit}`);
      call.event(plain(requestEvent()));
      await running(pod, call);
      log.push(`${pod.name} left`);
    }, over.signal, (e) => events.push(e));
    change(podFacts('b'));
    change(podFacts('a'), true);
    await until(() => log.includes('a left'));
    assert.deepEqual(log, ['a 10', 'b 5', 'a left']);
    assert.deepEqual(events.map((e) => e.pod), ['shop/a', 'shop/b']);
    over.abort();
    await ended;
    assert.deepEqual(log.at(-1), 'b left');
  });

  it('nobody there, nobody meshed and nobody reachable are told apart', async () => {
    const over = new AbortController();
    const refused = (code: number, text: RegExp) => (e: unknown): boolean => e instanceof ApiError && e.code === code && text.test(e.message);
    await assert.rejects(start(running, over.signal), refused(404, /has no running pods/));
    change(podFacts('plain', { meshed: false }));
    await assert.rejects(start(running, over.signal), refused(404, /kubectl -n shop annotate deployment\/api kubectl-mesh.io\/inject=enabled/));
    change(podFacts('a'));
    change(podFacts('b'));
    await assert.rejects(start(() => Promise.reject(new Error('no route')), over.signal), refused(503, /none of 2 proxies .*no route/));
    over.abort();
    await until(() => listeners.size === 0);
  });
});
