import type { Server } from 'node:https';
import fastify, { type FastifyInstance } from 'fastify';
import { ANNOTATE_PATH, INJECT_PATH, VALIDATE_PATH } from '../api/webhooks.ts';
import { type AdmissionRequest, MalformedReview, type Verdict, readReview, writeReview } from './admission.ts';

export interface WebhookServerDeps {
  /** PEM */
  tls: { cert: string; key: string };
  inject: (request: AdmissionRequest) => Promise<Verdict>;
  annotate: (request: AdmissionRequest) => Promise<Verdict>;
  validate: (request: AdmissionRequest) => Verdict;
  /** an answer could not be given: the API server follows the failure policy of the webhook */
  failed: (error: unknown, request: AdmissionRequest) => void;
  /** aborted when the process is to end */
  ending: AbortSignal;
}

/** An object of etcd's limit of 1.5 MB comes twice in an UPDATE, with the review around it. */
const BODY_LIMIT = 8 << 20;

export type WebhookServer = FastifyInstance<Server>;

/** The HTTPS server of the admission webhooks; the caller listens and closes. server.server.setSecureContext renews its certificate. */
export function createWebhookServer({ tls, inject, annotate, validate, failed, ending }: WebhookServerDeps): WebhookServer {
  const app = fastify({ https: { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' }, bodyLimit: BODY_LIMIT, logger: false, return503OnClosing: false });
  // API servers keep connections, and do not send a review again that was on its way when one was closed: they are told before to take another.
  app.addHook('onSend', async (_request, reply) => {
    if (ending.aborted) reply.header('connection', 'close');
  });

  for (const [path, handle] of [[INJECT_PATH, inject], [ANNOTATE_PATH, annotate], [VALIDATE_PATH, validate]] as const) {
    app.post(path, async (http, reply) => {
      let request: AdmissionRequest;
      try {
        request = readReview(http.body);
      } catch (error) {
        if (!(error instanceof MalformedReview)) throw error;
        return reply.code(400).send({ error: error.message });
      }
      try {
        return writeReview(request.uid, await handle(request));
      } catch (error) {
        failed(error, request);
        return reply.code(500).send({ error: `the injector could not decide: ${(error as Error).message}` });
      }
    });
  }
  return app;
}
