import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKubeClient, type KubeClient } from '../../../lib/kube/client.ts';
import { plain } from '../../../lib/kube/connection.ts';
import { fakeApiServer, type FakeApiServer } from '../../../lib/kube/testing/fake-api-server.ts';
import type { Event } from '../../../lib/kube/types.ts';
import type { TokenReview } from '../token-review.ts';

export interface TokenApi {
  readonly client: KubeClient;
  readonly url: string;
  /** what to answer for each token; unknown ones are not authenticated */
  readonly tokens: Map<string, NonNullable<TokenReview['status']>>;
  readonly reviews: TokenReview[];
  readonly events: Event[];
  /** every other kind */
  readonly objects: FakeApiServer;
  /** answer reviews with this HTTP status instead; 0 = normally */
  failWith: number;
  close(): Promise<void>;
}

/** A token as Kubernetes writes them, though with no signature that anything could check. */
export function tokenOf(namespace: string, account: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ sub: `system:serviceaccount:${namespace}:${account}` })}.c2ln`;
}

/** A real HTTP server with what the identity service asks of one: TokenReview, Events, and objects of a fake API server behind it. */
export async function tokenApi(): Promise<TokenApi> {
  const tokens = new Map<string, NonNullable<TokenReview['status']>>();
  const reviews: TokenReview[] = [];
  const events: Event[] = [];
  const objects = await fakeApiServer();
  const server = createServer((request, response) => {
    if (!/tokenreviews|\/events/.test(request.url ?? '')) {
      const onward = forward(`${objects.url}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.on('error', () => response.destroy());
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      response.once('close', () => onward.destroy());
      request.pipe(onward);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (c: Buffer) => chunks.push(c));
    request.once('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      const send = (status: number, value: unknown): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
      if (request.url?.startsWith('/apis/authentication.k8s.io/v1/tokenreviews')) {
        const review = body as TokenReview;
        reviews.push(review);
        if (api.failWith !== 0) return send(api.failWith, { kind: 'Status', code: api.failWith, reason: 'InternalError', message: 'asked to fail' });
        return send(201, { ...review, status: tokens.get(review.spec.token) ?? { authenticated: false, error: 'invalid bearer token' } });
      }
      events.push(body as Event);
      send(201, body);
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createKubeClient({ connection: plain(url), name: 'test' });
  const api: TokenApi = {
    client, url, tokens, reviews, events, objects, failWith: 0,
    async close() {
      client.close();
      server.closeAllConnections();
      await objects.close();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
  return api;
}
