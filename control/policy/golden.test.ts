import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, toJson } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { Registry } from '@prometheus-io/client';
import { InboundServerPolicies, ServerSchema } from '../../api/gen/inbound_pb.js';
import { IPAddressSchema } from '../../api/gen/net_pb.js';
import { OutboundPolicies, OutboundPolicySchema } from '../../api/gen/outbound_pb.js';
import { systemClock } from '../../lib/clock.ts';
import { parseManifests } from '../../lib/kube/testing/fake-api-server.ts';
import { ipMessage } from '../cluster/ip.ts';
import { streams } from '../cluster/streams.ts';
import { assertGolden, cases } from '../cluster/testing/golden.ts';
import { testGrpc } from '../cluster/testing/grpc.ts';
import { testPolicyCluster } from '../cluster/testing/policy.ts';
import { testConfig } from '../cluster/testing/view.ts';
import { policyChanges } from './changes.ts';
import { lastGood } from './inbound/last-good.ts';
import { inboundChanges } from './inbound/policies.ts';
import { inboundService } from './inbound/service.ts';
import { outboundService } from './outbound/service.ts';
import { settingsMemory } from './settings/memory.ts';

/** `from`: the namespace that the caller is in. */
interface Query { pod?: string; addr?: string; authority?: string; port: number; from?: string }

for (const direction of ['inbound', 'outbound'] as const) {
  const data = join(import.meta.dirname, direction, 'testdata');
  describe(`${direction} policies`, () => {
    for (const name of cases(data)) {
      it(name, async () => {
        const [first, ...manifests] = parseManifests(readFileSync(join(data, `${name}.input.yaml`), 'utf8'));
        const { cluster, routes, authorizations, close } = await testPolicyCluster(...manifests);
        const changes = policyChanges(cluster, routes);
        const options = { config: testConfig, clock: systemClock, streams: streams('policy', new Registry()), onError: (key: string, error: unknown) => assert.fail(`${key}: ${String(error)}`) };
        const inbound = inboundService({ ...options, changes: inboundChanges(changes, authorizations), good: lastGood(testConfig) });
        const outbound = outboundService({ ...options, changes, settings: settingsMemory() });
        const server = await testGrpc((router) => void router.service(InboundServerPolicies, inbound).service(OutboundPolicies, outbound));
        const [ports, services] = [createClient(InboundServerPolicies, server.transport), createClient(OutboundPolicies, server.transport)];
        const ask = async ({ pod, addr, authority, port, from = 'shop' }: Query): Promise<unknown> => {
          if (pod !== undefined) return toJson(ServerSchema, await ports.getPort({ workload: `{"ns":"shop","pod":"${pod}"}\n`, port }));
          const target = addr === undefined
            ? { case: 'authority' as const, value: authority! }
            : { case: 'addr' as const, value: { ip: create(IPAddressSchema, ipMessage(addr)), port } };
          return toJson(OutboundPolicySchema, await services.get({ sourceWorkload: `{"ns":"${from}","pod":"client"}\n`, target }));
        };
        const answers: { query: Query; answer: unknown }[] = [];
        for (const query of (first as unknown as { queries: Query[] }).queries) {
          answers.push({ query, answer: await ask(query).catch((error: unknown) => Code[ConnectError.from(error).code]) });
        }
        await server.close();
        inbound.close();
        outbound.close();
        await close();
        assertGolden(data, name, answers);
      });
    }
  });
}
