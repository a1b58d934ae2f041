import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Registry } from '@prometheus-io/client';
import { OutboundPolicies } from '../../../api/gen/outbound_pb.js';
import { STOCK_PROXY } from '../../../api/names.ts';
import { systemClock } from '../../../lib/clock.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import { streams } from '../../cluster/streams.ts';
import { testGrpc } from '../../cluster/testing/grpc.ts';
import type { TestServer } from '../../cluster/testing/grpc.ts';
import { testPolicyCluster } from '../../cluster/testing/policy.ts';
import type { TestPolicyCluster } from '../../cluster/testing/policy.ts';
import { testConfig } from '../../cluster/testing/view.ts';
import { policyChanges } from '../changes.ts';
import { settingsMemory } from '../settings/memory.ts';
import { outboundService } from './service.ts';

/** Policies as another implementation of gRPC and protobuf reads them, whose only common ground with the server are the .proto files. */
const PROTO = join(import.meta.dirname, '..', '..', '..', 'api', 'proto');
/** A pod whose proxy is a stock linkerd2-proxy; others that the tests call from are not known, and taken for ours. */
const STOCK_POD = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'stock', namespace: 'shop' }, spec: { containers: [], initContainers: [{ name: STOCK_PROXY }] } };
const manifests = (name: string) => readFileSync(join(import.meta.dirname, 'testdata', `${name}.input.yaml`), 'utf8').replace(/^[^]*?\n---\n/, '');

// Decoded messages are plain objects of whatever the wire held.
// oxlint-disable-next-line typescript/no-explicit-any
type Decoded = any;

describe('outbound policies, decoded independently', () => {
  let cluster: TestPolicyCluster;
  let server: TestServer;
  let client: Decoded;
  let close: () => void;

  async function serve(name: string): Promise<void> {
    cluster = await testPolicyCluster(manifests(name), STOCK_POD);
    const service = outboundService({
      changes: policyChanges(cluster.cluster, cluster.routes), config: testConfig, clock: systemClock, streams: streams('policy', new Registry()), settings: settingsMemory(),
      onError: (key, error) => assert.fail(`${key}: ${String(error)}`),
    });
    close = () => service.close();
    server = await testGrpc((router) => void router.service(OutboundPolicies, service));
    const loaded = grpc.loadPackageDefinition(loadSync(['outbound.proto'], { includeDirs: [PROTO], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true })) as Decoded;
    client = new loaded.io.linkerd.proxy.outbound.OutboundPolicies(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
  }
  afterEach(async () => {
    client.close();
    await server.close();
    close();
    await cluster.close();
  });

  const get = (lastOctet: number, port = 80, pod = 'a'): Promise<Decoded> => new Promise((resolve, reject) => {
    client.get({ source_workload: JSON.stringify({ ns: 'shop', pod }), addr: { ip: { ipv4: 0x0a600000 + lastOctet }, port } }, (error: Error | null, answer: Decoded) => (error ? reject(error) : resolve(answer)));
  });

  /** What a stock proxy insists on, wherever it is in a message. */
  function mandatory(value: Decoded, path = ''): void {
    if (value === null || typeof value !== 'object') return;
    if (value.kind === 'resource') for (const key of ['group', 'kind', 'name', 'namespace']) assert.notEqual(value.resource[key], '', `${path}.${key}`);
    if ('queue' in value && 'balancer' in value) assert.ok(value.queue && value.metadata?.kind && value.balancer?.discovery.dst.path, path);
    if ('denominator' in value) assert.ok(value.denominator > 0, path);
    for (const [key, one] of Object.entries(value)) mandatory(one, `${path}.${key}`);
  }

  it('have matches, filters and backends where the protocol has them, and ours from 1000', async () => {
    await serve('http-routes');
    const policy = await get(5);
    mandatory(policy);
    assert.equal(policy.protocol.kind, 'http1');
    const [rule] = policy.protocol.http1.routes[1].rules;
    const headers = rule.matches[0].headers.map((header: Decoded) => [header.name, header.exact?.toString() ?? header.regex]);
    assert.deepEqual([rule.matches[0].path.exact, rule.matches[0].method.registered, headers], ['/exact', 'POST', [['x-version', 'v2'], ['x-user', 'a+']]]);
    assert.deepEqual(rule.filters.map((filter: Decoded) => filter.kind), ['request_header_modifier', 'response_header_modifier', 'url_rewrite', 'mirror', 'mirror']);
    assert.deepEqual([rule.filters[2].url_rewrite.host, rule.filters[2].url_rewrite.path.full], ['elsewhere.example.com', '/new']);
    assert.deepEqual(rule.filters.slice(3).map(({ mirror }: Decoded) => [mirror.backend.balancer.discovery.dst.path, mirror.fraction.numerator, mirror.fraction.denominator]), [
      ['web-v2.shop.svc.cluster.local:80', 5, 100], ['web-v2.shop.svc.cluster.local:80', 1, 1000],
    ]);
    const backends = rule.backends.random_available.backends.map(({ backend, weight }: Decoded) => [weight, backend.backend.metadata.resource?.name ?? backend.backend.metadata.default, backend.filters.map((one: Decoded) => one.kind).join()]);
    assert.deepEqual(backends, [[90, 'web-v1', ''], [10, 'web-v2', 'request_header_modifier'], [1, 'invalid', 'failure_injector'], [2, 'invalid', 'failure_injector'], [3, 'granted', ''], [4, 'invalid', 'failure_injector'], [5, 'invalid', 'failure_injector']]);
    const failover = rule.backends.random_available.backends.map((one: Decoded) => one.failover.map(({ backend }: Decoded) => backend.balancer.discovery.dst.path));
    assert.deepEqual(failover, [[], ['granted.other.svc.cluster.local:80'], [], [], [], [], []]);
    const affinity = rule.backends.random_available.backends[0].backend.backend.session_affinity;
    assert.deepEqual([affinity.cookie.name, affinity.cookie.ttl.seconds], ['sid', '3600']);
    assert.deepEqual([rule.retry.max_retries, rule.retry.conditions.no_response, rule.retry.timeout.seconds, rule.timeouts.request.seconds], [3, true, '2', '10']);
  });

  it('have budgets, slow start, faults and breakers', async () => {
    await serve('annotations');
    const policy = await get(1);
    mandatory(policy);
    const { http1 } = policy.protocol.detect;
    const [rule] = http1.routes[0].rules;
    assert.deepEqual([rule.retry.budget.min_per_second, rule.retry.budget.window.seconds, rule.retry.budget.ratio.toFixed(3)], [5, '30', '0.100']);
    const { fault } = rule.filters[0];
    assert.deepEqual([fault.until_unix_seconds, fault.delay.uniform.max.nanos, fault.delay.ratio.numerator, fault.abort.grpc_status], ['1896091200', 500_000_000, 12_500, 14]);
    const chain = rule.backends.first_available.backends.map(({ backend }: Decoded) => [backend.balancer.discovery.dst.path, backend.balancer.slow_start?.seconds]);
    assert.deepEqual(chain, [['all.shop.svc.cluster.local:80', '30'], ['spare.shop.svc.cluster.local:80', undefined], ['far.other.svc.cluster.local:8080', undefined]]);
    assert.deepEqual([http1.failure_accrual.unified.success_rate_threshold, http1.failure_accrual.ejection.min_ready_endpoints], [0.5, 2]);
    for (const octet of [2, 3, 4, 5, 6, 7]) mandatory(await get(octet));
  });

  it('have no kind of filter that a stock proxy would refuse the whole policy for, where the caller runs one', async () => {
    await serve('http-routes');
    const [rule] = (await get(5, 80, 'stock')).protocol.http1.routes[1].rules;
    assert.deepEqual(rule.filters.map((filter: Decoded) => filter.kind), ['request_header_modifier', 'response_header_modifier', 'failure_injector']);
    assert.match(rule.filters[2].failure_injector.message, /linkerd2-proxy cannot rewrite requests/);
    assert.deepEqual(rule.backends, (await get(5)).protocol.http1.routes[1].rules[0].backends);
  });

  it('have no retries of more methods than was asked for, where the caller runs a stock proxy', async () => {
    await serve('annotations');
    const [annotated] = (await get(1, 80, 'stock')).protocol.detect.http1.routes[0].rules;
    assert.deepEqual([annotated.filters, annotated.retry, annotated.timeouts.request.seconds], [[], null, '5']);
    const [plain] = (await get(2, 80, 'stock')).protocol.http1.routes[0].rules;
    assert.equal(plain.retry.max_retries, 9);
  });

  it('follow routes as they come, change and go, with one message each', async () => {
    await serve('route-kinds');
    const stream = client.watch({ source_workload: '{"ns":"elsewhere","pod":"a"}', addr: { ip: { ipv4: 0x0a600005 }, port: 80 } });
    const messages: Decoded[] = [];
    let wake: () => void = () => undefined;
    stream.on('data', (message: Decoded) => {
      messages.push(message);
      wake();
    });
    stream.on('error', () => undefined);
    const next = async (n: number): Promise<string[]> => {
      while (messages.length < n) await new Promise<void>((resolve) => { wake = resolve; });
      mandatory(messages[n - 1]);
      return messages[n - 1].protocol.detect.http1.routes.map(({ metadata }: Decoded) => metadata.resource?.name ?? metadata.default);
    };
    assert.deepEqual(await next(1), ['consumer']);
    cluster.api.remove(RESOURCES.httproutes, 'elsewhere/consumer');
    assert.deepEqual(await next(2), ['producer']);
    cluster.api.remove(RESOURCES.httproutes, 'shop/producer');
    assert.deepEqual(await next(3), ['http']);
    cluster.api.remove(RESOURCES.httproutes, 'shop/younger');
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    assert.equal(messages.length, 3);
    stream.cancel();
  });
});
