/** Condition Accepted of AuthorizationPolicies, and an event for what is refused. One process does so at a time. */
import type { AuthorizationPolicy } from '../../../api/crds/authorization-policy.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { isNotFound } from '../../../lib/kube/error.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import { keyOf } from '../../../lib/kube/store.ts';
import { workQueue } from '../../../lib/kube/work-queue.ts';
import type { Log } from '../../../lib/log.ts';
import { aborted, Live } from '../../cluster/live.ts';
import type { Changes } from '../../cluster/live.ts';
import type { EventRecorder } from '../../events.ts';
import type { LastGood } from './last-good.ts';
import type { AuthorizationPolicies, InboundView } from './policies.ts';

export interface AuthorizationStatusOptions {
  client: KubeClient;
  changes: Changes<InboundView>;
  policies: AuthorizationPolicies;
  good: LastGood;
  events: EventRecorder;
  clock: Clock;
  log: Log;
  onWrite: () => void;
}

interface Verdict { status: 'True' | 'False'; reason: 'Accepted' | 'Invalid' | 'TargetNotFound'; message: string }

const CONDITION = 'Accepted';

export function verdictOn(policy: AuthorizationPolicy, view: InboundView, good: LastGood): Verdict {
  // Also remembers the form, for when an edit breaks it.
  const inForce = good.of(policy);
  const problem = good.problem(policy);
  if (problem !== undefined) {
    const rest = inForce ? 'the form before this one stays in force' : 'the policy has no effect';
    return { status: 'False', reason: 'Invalid', message: `${problem}; ${rest}` };
  }
  const { kind = 'Namespace', name = '' } = policy.spec.target ?? {};
  const key = `${policy.metadata.namespace}/${name}`;
  const missing = (kind === 'Service' && !view.service(key)) || ((kind === 'HTTPRoute' || kind === 'GRPCRoute') && !view.route(kind, key));
  if (missing) return { status: 'False', reason: 'TargetNotFound', message: `spec.target: there is no ${kind} ${key}; the policy has no effect until there is` };
  return { status: 'True', reason: 'Accepted', message: '' };
}

/** Goes on until the signal aborts. Computed again only when something changed that it was computed from; written only when it differs. */
export async function keepAuthorizationStatus(options: AuthorizationStatusOptions, signal: AbortSignal): Promise<void> {
  const { client, changes, policies, events, clock, log, onWrite } = options;
  const verdicts = new Live<Verdict & { generation: number }, InboundView>({
    changes,
    onError: (key, err) => log.error({ err, key }, 'the status could not be computed'),
    compute(key, view, previous) {
      const [namespace = '', name] = key.split('/');
      const policy = view.authorizationPolicies(namespace).find((one) => one.metadata.name === name);
      const now = { ...(policy ? verdictOn(policy, view, options.good) : { status: 'True', reason: 'Accepted', message: '' } as const), generation: policy?.metadata.generation ?? 0 };
      return previous !== undefined && JSON.stringify(previous) === JSON.stringify(now) ? previous : now;
    },
  });

  async function write(key: string): Promise<void> {
    const policy = policies.get(key);
    if (!policy) return;
    const { generation, ...wanted } = await verdicts.once(key);
    // Of a version that is newer than the verdict another turn comes.
    const good = wanted.reason !== 'Invalid' && policy.metadata.generation === generation && policy.status?.lastGood?.generation !== generation
      ? { generation, spec: JSON.stringify(policy.spec) } : undefined;
    const known = policy.status?.conditions ?? [];
    const before = known.find((c) => c.type === CONDITION);
    if (!good && before && before.status === wanted.status && before.reason === wanted.reason && before.message === wanted.message && before.observedGeneration === generation) return;
    const now = new Date(clock.wall()).toISOString().replace(/\.\d+Z$/, 'Z');
    const lastTransitionTime = before?.status === wanted.status ? (before.lastTransitionTime ?? now) : now;
    const conditions = [...known.filter((c) => c.type !== CONDITION), { type: CONDITION, ...wanted, observedGeneration: generation, lastTransitionTime }];
    const { name, namespace = '', uid } = policy.metadata;
    try {
      await client.patch(RESOURCES.authorizationpolicies, name, namespace, { type: 'merge', body: { status: { conditions, ...(good && { lastGood: good }) } } }, { subresource: 'status', signal });
      onWrite();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return;
    }
    if (wanted.status === 'False' && before?.message !== wanted.message) {
      events.record({ apiVersion: 'kubectl-mesh.io/v1alpha1', kind: 'AuthorizationPolicy', namespace, name, ...(uid && { uid }) }, 'Warning', wanted.reason, wanted.message);
    }
  }

  const queue = workQueue({ work: write, clock, onError: (key, err, retryInMs) => log.warn({ key, reason: (err as Error).message, retryInMs }, 'the status could not be written, trying again') });
  const following = new Map<string, AbortController>();

  async function follow(key: string, gone: AbortController): Promise<void> {
    for await (const _ of verdicts.follow(key, AbortSignal.any([signal, gone.signal]))) queue.add(key);
  }

  /** Follows each policy that there is, and no other. */
  function look(): void {
    if (signal.aborted) return;
    const there = new Set(Array.from(policies.all(), keyOf));
    for (const [key, gone] of following) {
      if (there.has(key)) continue;
      gone.abort();
      following.delete(key);
      queue.forget(key);
    }
    for (const key of there) {
      if (following.has(key)) continue;
      const gone = new AbortController();
      following.set(key, gone);
      follow(key, gone).catch((err: unknown) => log.error({ err, key }, 'the status could not be followed'));
    }
  }

  const unsubscribe = policies.onChange(look);
  await policies.synced;
  look();
  await aborted(signal);
  unsubscribe();
  verdicts.close();
  await queue.stop();
}
