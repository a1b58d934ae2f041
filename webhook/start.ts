import type { AddressInfo } from 'node:net';
import type { Registry } from '@prometheus-io/client';
import type { MeshConfig } from '../api/config.ts';
import { LABELS, PART_OF, SERVICES, SERVING_SECRET, VALIDATOR_CONFIGURATION, WEBHOOK_CONFIGURATION } from '../api/names.ts';
import { aborted } from '../lib/aborted.ts';
import type { Clock } from '../lib/clock.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import { leader } from '../lib/kube/lease.ts';
import type { Log } from '../lib/log.ts';
import { keepServing } from '../lib/serving/keeper.ts';
import { VALIDATING_WEBHOOK_CONFIGURATIONS, webhookConfiguration } from '../lib/serving/targets.ts';
import { createAnnotator } from './annotator.ts';
import { createEventSink } from './events.ts';
import { createInjector } from './injector.ts';
import { followNamespaces } from './annotate/follow.ts';
import { createInjectorMetrics } from './metrics.ts';
import { createWebhookServer } from './server.ts';
import { createValidator } from './validate/validator.ts';

export interface WebhookEnv {
  podName: string;
  listenHost: string;
  ports: { webhook: number };
}

/** What the control plane's process gives to its services; see control/deps.ts. */
export interface WebhookDeps {
  readonly config: MeshConfig;
  readonly log: Log;
  readonly clock: Clock;
  readonly kube: KubeClient;
  readonly admin: { readonly registry: Registry };
  /** aborted when the process is told to stop */
  readonly signal: AbortSignal;
}

/** Serves the admission webhooks over HTTPS, and keeps their certificate and the labels of namespaces. Resolves when it listens. */
export async function start(env: WebhookEnv, deps: WebhookDeps): Promise<{ port: number; stop(): Promise<void> }> {
  const { kube, clock, config } = deps;
  const log = deps.log.child({ service: 'injector' });
  const serving = await keepServing({
    kube, clock, log,
    secret: { name: SERVING_SECRET, namespace: config.controlNamespace, labels: { [LABELS.partOf]: PART_OF, [LABELS.component]: 'injector' } },
    names: [SERVICES.webhook, SERVICES.api].map((service) => `${service}.${config.controlNamespace}.svc`),
    targets: [webhookConfiguration(WEBHOOK_CONFIGURATION), webhookConfiguration(VALIDATOR_CONFIGURATION, VALIDATING_WEBHOOK_CONFIGURATIONS)],
  });
  const app = createWebhookServer({
    ending: deps.signal,
    tls: serving.current(),
    inject: createInjector({
      kube,
      config: () => config,
      events: createEventSink({ kube, clock, random: Math.random, failed: (err) => log.warn({ err }, 'an event could not be written') }),
      metrics: createInjectorMetrics(deps.admin.registry),
    }),
    annotate: createAnnotator({ kube, failed: (err) => log.warn({ err }, 'the workloads to restart could not be listed') }),
    validate: createValidator(config),
    failed: (err, request) => log.error({ err, kind: request.kind.kind, namespace: request.namespace, name: request.name }, 'an admission request could not be answered'),
  });
  serving.onChange((pair) => {
    app.server.setSecureContext(pair);
    log.info('the serving certificate was renewed');
  });
  await app.listen({ host: env.listenHost, port: env.ports.webhook });
  const { port } = app.server.address() as AddressInfo;
  const namespaces = leader({
    client: kube, name: SERVICES.webhook, namespace: config.controlNamespace, holder: env.podName, clock, log, signal: deps.signal,
    async lead(signal) {
      const following = followNamespaces({ kube, clock, log, skip: new Set(['kube-system', config.controlNamespace]) });
      await aborted(signal);
      await following.stop();
    },
  });
  log.info({ port }, 'serving admission webhooks');
  return {
    port,
    async stop() {
      await Promise.all([namespaces.stop(), app.close()]);
      await serving.stop();
    },
  };
}
