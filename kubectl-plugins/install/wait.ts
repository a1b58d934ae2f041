import type { MeshConfig } from '../../api/config.ts';
import { CONTROL_WORKLOAD, WEBHOOK_CONFIGURATION } from '../../api/names.ts';
import { METRICS_GROUP, METRICS_VERSION, TAP_GROUP, TAP_VERSION } from '../../api/metrics-api.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { CliError } from '../shared/errors.ts';
import { availability, hasBundle, isAvailable, troubleOf, type Trouble } from '../shared/health.ts';
import { find } from '../shared/installed.ts';
import type { Io } from '../shared/io.ts';
import { KINDS } from '../shared/kinds.ts';
import { poll } from '../shared/poll.ts';
import { workloadsOf } from './manifests/rbac.ts';
import type { Progress } from '../shared/progress.ts';

/** How long a stuck pod is watched before waiting is given up: images may be arriving just now. */
const STUCK_MS = 30_000;
const LOOK_CLOSER_MS = 3000;

/** Waits until the control plane works: Deployments available, webhook and aggregated APIs reachable with a trusted certificate. */
export async function waitUntilReady(io: Io, kube: KubeClient, progress: Progress, config: MeshConfig, timeoutMs: number): Promise<void> {
  const namespace = config.controlNamespace;
  const until = io.now() + timeoutMs;
  const left = (): number => Math.max(0, until - io.now());
  for (const name of workloadsOf(config)) {
    await progress.step(`Waiting for deployment ${name}`, (detail) => deploymentReady(io, kube, { name, namespace }, left(), detail));
  }
  await progress.step('Waiting for the injector webhook', async (detail) => {
    const ready = await poll(io, { timeoutMs: left() }, async () => {
      detail('its certificate');
      return hasBundle(await find(kube, KINDS.mutatingwebhookconfigurations, { name: WEBHOOK_CONFIGURATION }, io.signal)) ? true : undefined;
    });
    if (!ready) throw new CliError(`The webhook configuration ${WEBHOOK_CONFIGURATION} got no certificate bundle in time; see "kubectl logs -n ${namespace} deploy/${CONTROL_WORKLOAD}".`);
  });
  for (const name of [`${METRICS_VERSION}.${METRICS_GROUP}`, `${TAP_VERSION}.${TAP_GROUP}`]) {
    await progress.step(`Waiting for API ${name}`, (detail) => apiReady(io, kube, name, left(), detail));
  }
}

async function deploymentReady(io: Io, kube: KubeClient, at: { name: string; namespace: string }, timeoutMs: number, detail: (text: string) => void): Promise<void> {
  const start = io.now();
  let trouble: Trouble | undefined;
  let stuckSince: number | undefined;
  const ready = await poll(io, { timeoutMs }, async () => {
    const deployment = await find(kube, KINDS.deployments, at, io.signal);
    if (isAvailable(deployment)) return 'ready';
    detail(trouble ? `pod ${trouble.pod}: ${trouble.reason}` : '');
    if (!deployment || io.now() - start < LOOK_CLOSER_MS) return undefined;
    trouble = await troubleOf(kube, deployment, io.signal);
    stuckSince = trouble?.stuck ? (stuckSince ?? io.now()) : undefined;
    return stuckSince !== undefined && io.now() - stuckSince >= STUCK_MS ? 'stuck' : undefined;
  });
  if (ready === 'ready') return;
  const why = trouble ? `Pod ${trouble.pod}: ${trouble.text}` : `Look into it with "kubectl describe pods -n ${at.namespace}".`;
  throw new CliError(`Deployment ${at.name} did not become available. ${why}`);
}

async function apiReady(io: Io, kube: KubeClient, name: string, timeoutMs: number, detail: (text: string) => void): Promise<void> {
  let last = '';
  const ready = await poll(io, { timeoutMs }, async () => {
    const { available, message } = availability(await find(kube, KINDS.apiservices, { name }, io.signal));
    last = message;
    detail(message);
    return available ? true : undefined;
  });
  if (!ready) throw new CliError(`The API ${name} did not become available: ${last.replace(/[.]?$/, '.')} See "kubectl get apiservice ${name} -o yaml".`);
}
