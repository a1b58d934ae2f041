import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toJson } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import { Registry } from '@prometheus-io/client';
import { Destination, DestinationProfileSchema, UpdateSchema } from '../../api/gen/destination_pb.js';
import { systemClock } from '../../lib/clock.ts';
import { parseManifests } from '../../lib/kube/testing/fake-api-server.ts';
import { streams } from '../cluster/streams.ts';
import { assertGolden, cases } from '../cluster/testing/golden.ts';
import { testGrpc } from '../cluster/testing/grpc.ts';
import { testCluster, testConfig } from '../cluster/testing/view.ts';
import { destinationService } from './service.ts';

const DATA = join(import.meta.dirname, 'testdata');
type Query = { get?: string; profile?: string; node?: string };

/** The first message of a query as JSON, or the name of the code that it fails with. */
async function ask(client: Client<typeof Destination>, { get, profile, node }: Query): Promise<unknown> {
  const done = new AbortController();
  const request = { path: (get ?? profile)!, contextToken: node === undefined ? '' : `{"ns":"x","nodeName":"${node}","pod":"p"}\n` };
  try {
    if (get !== undefined) for await (const message of client.get(request, { signal: done.signal })) return toJson(UpdateSchema, message);
    else for await (const message of client.getProfile(request, { signal: done.signal })) return toJson(DestinationProfileSchema, message);
  } catch (error) {
    return Code[ConnectError.from(error).code];
  } finally {
    done.abort();
  }
  return 'ended without a message';
}

describe('destination answers', () => {
  for (const name of cases(DATA)) {
    it(name, async () => {
      const [first, ...manifests] = parseManifests(readFileSync(join(DATA, `${name}.input.yaml`), 'utf8'));
      const { queries } = first as unknown as { queries: Query[] };
      const { cluster, close } = await testCluster(...manifests);
      const service = destinationService({ changes: cluster, config: testConfig, clock: systemClock, streams: streams('destination', new Registry()), onError: (key, error) => assert.fail(`${key}: ${String(error)}`) });
      const server = await testGrpc((router) => void router.service(Destination, service));
      const client = createClient(Destination, server.transport);
      const answers: { query: Query; answer: unknown }[] = [];
      for (const query of queries) answers.push({ query, answer: await ask(client, query) });
      await server.close();
      service.close();
      await close();
      assertGolden(DATA, name, answers);
    });
  }
});
