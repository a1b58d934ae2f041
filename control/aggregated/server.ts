import { constants } from 'node:crypto';
import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { KubeClient } from '../../lib/kube/client.ts';
import { authorize } from './authorize.ts';
import { AGGREGATED_DISCOVERY, aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, wantsAggregatedDiscovery } from './discovery.ts';
import { type FrontProxy, type User, userOf } from './front-proxy.ts';
import { type ApiGroup, parseTarget, wantsTable } from './group.ts';
import { openApiV2, openApiV3, openApiV3Index } from './openapi.ts';
import { ApiError, notFound, statusOf } from './status.ts';

export interface ApiServerOptions {
  /** PEM */
  tls: { cert: string; key: string };
  kube: Pick<KubeClient, 'json'>;
  /** who may speak for users now; null: nobody */
  frontProxy: () => FrontProxy | null;
  /** the groups that are served now */
  groups: () => ApiGroup[];
  failed: (error: unknown, path: string) => void;
}

export interface ApiServer {
  readonly app: FastifyInstance<Server>;
  /** Serves with another certificate, or believes another authority, from the next connection on. */
  renew(tls: { cert: string; key: string }, frontProxy: FrontProxy | null): void;
}

/** Without tickets no session outlives the authority that vouched for it. */
const contextOf = (tls: { cert: string; key: string }, frontProxy: FrontProxy | null): object => ({
  ...tls, ...(frontProxy && { ca: frontProxy.ca }), minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET,
});

/**
 * An API server behind the Kubernetes API server: that one authenticates the user and forwards the request with its own client certificate; this
 * one checks the certificate, asks back whether the user may, and answers. Source: the Kubernetes documentation of the aggregation layer.
 */
export function createApiServer({ tls, kube, frontProxy, groups, failed }: ApiServerOptions): ApiServer {
  const app = fastify({
    https: { ...contextOf(tls, frontProxy()), requestCert: true, rejectUnauthorized: false },
    logger: false,
    // Until its connections have ended it answers: others may know of its end a moment later.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 4096 },
  }) as unknown as FastifyInstance<Server>;

  function authenticate({ raw }: FastifyRequest): User {
    const proxy = frontProxy();
    const socket = raw.socket as TLSSocket;
    const user = proxy !== null && socket.authorized ? userOf(proxy, String(socket.getPeerCertificate().subject?.CN ?? ''), raw.headersDistinct) : null;
    if (user === null) throw new ApiError(401, 'Unauthorized', 'this API is reached through the Kubernetes API server: kubectl get --raw PATH, or kubectl mesh');
    return user;
  }

  function find(group: string, version: string): ApiGroup {
    const found = groups().find((g) => g.group === group && g.version === version);
    if (found === undefined) throw notFound('the server could not find the requested resource');
    return found;
  }

  async function resource(request: FastifyRequest, reply: FastifyReply, group: ApiGroup, path: string): Promise<unknown> {
    const user = authenticate(request);
    const url = new URL(request.url, 'https://api');
    const { verb, ...target } = parseTarget(path, url.searchParams);
    const name = target.subresource === undefined ? target.resource : `${target.resource}/${target.subresource}`;
    const served = group.resources.find((r) => r.name === name);
    if (served === undefined) throw notFound('the server could not find the requested resource');
    if (!served.verbs.includes(verb)) throw new ApiError(405, 'MethodNotAllowed', `${name} cannot be read by ${verb}: it knows ${served.verbs.join(', ')}`);
    await authorize(kube, user, { verb, group: group.group, version: group.version, ...target });
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    return group.handle({ user, ...target, query: url.searchParams, table: wantsTable(request.headers.accept), signal: gone.signal }, reply);
  }

  app.setErrorHandler((error, request, reply) => {
    if (reply.raw.headersSent) {
      failed(error, request.url);
      reply.raw.destroy();
      return;
    }
    if (error instanceof ApiError) {
      void reply.code(error.code).send(statusOf(error));
      return;
    }
    failed(error, request.url);
    void reply.code(500).send(statusOf({ code: 500, reason: 'InternalError', message: `the mesh could not answer: ${(error as Error).message}` }));
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(statusOf(notFound('the server could not find the requested resource'))));

  for (const path of ['/healthz', '/livez', '/readyz']) app.get(path, () => 'ok');
  app.get('/apis', (request, reply) => {
    authenticate(request);
    if (!wantsAggregatedDiscovery(request.headers.accept)) return apiGroupList(groups());
    return reply.type(AGGREGATED_DISCOVERY).send(JSON.stringify(aggregatedDiscovery(groups())));
  });
  app.get<{ Params: { group: string } }>('/apis/:group', (request) => {
    authenticate(request);
    const found = groups().find((g) => g.group === request.params.group);
    if (found === undefined) throw notFound('the server could not find the requested resource');
    return apiGroup(found);
  });
  app.get<{ Params: { group: string; version: string } }>('/apis/:group/:version', (request) => {
    authenticate(request);
    return apiResourceList(find(request.params.group, request.params.version));
  });
  app.get<{ Params: { group: string; version: string; '*': string } }>('/apis/:group/:version/*', (request, reply) => {
    const { group, version } = request.params;
    const raw = request.url.split('?')[0]!.split('/').slice(4).join('/');
    return resource(request, reply, find(group, version), raw);
  });
  app.get('/openapi/v2', (request) => {
    authenticate(request);
    return openApiV2();
  });
  app.get('/openapi/v3', (request) => {
    authenticate(request);
    return openApiV3Index(groups());
  });
  app.get<{ Params: { group: string; version: string } }>('/openapi/v3/apis/:group/:version', (request) => {
    authenticate(request);
    return openApiV3(find(request.params.group, request.params.version));
  });

  return { app, renew: (next, proxy) => app.server.setSecureContext(contextOf(next, proxy)) };
}
