/** What a canary does next: a pure function of what it is, what is there, and the time. */
import type { Canary, CanaryPhase, CanaryStatus } from '../../api/crds/canary.ts';
import { parseDuration } from '../../lib/duration.ts';
import type { Workload } from '../../lib/kube/types.ts';
import { judge, type Figures } from './judge.ts';

/** What the controller found. */
export interface Observed {
  target: Workload | undefined;
  /** of the new version; undefined when it is not there */
  fresh: Workload | undefined;
  /** the mesh has taken the current route; false while it has not, a text when it refuses it */
  route: boolean | string;
  /** why this canary cannot be: a Service that is missing, another route in the way; null when it can */
  obstacle: string | null;
  /** of the new version over the last interval; null when the mesh's figures are not to be had */
  figures: Figures | null;
}

/** What is to be there: nothing; the new version with this share; or the target as the new version, beside it. */
export type Wish = { kind: 'nothing' } | { kind: 'trial'; weight: number } | { kind: 'promote'; weight: number };

export interface Plan {
  status: CanaryStatus;
  wish: Wish;
  /** for an Event: what has just been decided */
  event: { type: 'Normal' | 'Warning'; reason: string; message: string } | null;
}

const DONE: ReadonlySet<CanaryPhase> = new Set(['Succeeded', 'Failed']);

export function isRolledOut(w: Workload): boolean {
  const { status } = w;
  const wanted = w.spec.replicas ?? 1;
  return status !== undefined && (status.observedGeneration ?? 0) >= (w.metadata.generation ?? 0)
    && (status.updatedReplicas ?? 0) >= wanted && (status.availableReplicas ?? 0) >= wanted && (status.replicas ?? 0) <= wanted;
}

/** `wallMs` is the time since the epoch. */
export function plan(canary: Canary, seen: Observed, wallMs: number): Plan {
  const now = new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const generation = canary.metadata.generation ?? 0;
  const before = canary.status;
  const { spec } = canary;
  // What has ended begins anew when something else is wanted.
  const fresh = before === undefined || (DONE.has(before.phase) && before.observedGeneration !== generation);
  const status: CanaryStatus = fresh
    ? { phase: 'Starting', observedGeneration: generation, step: 0, weight: 0, failures: 0, since: now, judgedAt: now, message: 'the new version is being started' }
    : { ...before, observedGeneration: generation };
  const weights = (spec.steps ?? []).map((s) => s.weight);
  const go = (phase: CanaryPhase, message: string, wish: Wish, reason: string = phase): Plan => ({
    status: { ...status, phase, message, since: phase === status.phase ? status.since : now },
    wish,
    event: phase === status.phase ? null : { type: phase === 'RollingBack' || phase === 'Failed' ? 'Warning' : 'Normal', reason, message },
  });
  const trial: Wish = { kind: 'trial', weight: status.weight };
  const back = (why: string): Plan => {
    status.weight = 0;
    return go('RollingBack', why, { kind: 'nothing' });
  };

  if (DONE.has(status.phase)) return { status, wish: { kind: 'nothing' }, event: null };
  if (status.phase === 'RollingBack') return seen.fresh === undefined ? go('Failed', status.message, { kind: 'nothing' }) : { status, wish: { kind: 'nothing' }, event: null };
  if (status.phase === 'Promoting') {
    if (seen.target === undefined) return back('the target is gone');
    if (!promoted(canary, seen.target) || !isRolledOut(seen.target)) return { status, wish: { kind: 'promote', weight: status.weight }, event: null };
    status.weight = 0;
    return go('Succeeded', `deploy/${spec.target.name} runs the new version`, { kind: 'nothing' });
  }
  if (seen.obstacle !== null) return back(seen.obstacle);
  if (seen.target === undefined) return back(`there is no Deployment ${spec.target.name}`);
  if (spec.decision === 'Rollback') return back('somebody decided to roll back');
  if (spec.decision === 'Promote') return go('Promoting', 'somebody decided to promote', { kind: 'promote', weight: status.weight });
  if (typeof seen.route === 'string') return back(`the mesh does not take the route: ${seen.route}`);

  const elapsed = (since: string): number => wallMs - Date.parse(since);
  if (status.phase === 'Starting') {
    if (seen.fresh === undefined || !isRolledOut(seen.fresh) || !seen.route) {
      if (elapsed(status.since) > (parseDuration(spec.startTimeout) ?? 0)) return back(`the new version was not available within ${spec.startTimeout}`);
      return { status, wish: trial, event: fresh ? { type: 'Normal', reason: 'Starting', message: status.message } : null };
    }
    status.weight = weights[0] ?? 0;
    status.judgedAt = now;
    return go('Progressing', describe(status, weights), { kind: 'trial', weight: status.weight });
  }
  if (spec.paused) return status.phase === 'Paused' ? { status, wish: trial, event: null } : go('Paused', `paused at ${status.weight} %`, trial);
  if (status.phase === 'Paused') {
    status.judgedAt = now;
    return go('Progressing', describe(status, weights), trial, 'Resumed');
  }
  if (elapsed(status.judgedAt) < (parseDuration(spec.interval) ?? 0)) return { status, wish: trial, event: null };
  return judged();

  /** At the end of an interval. */
  function judged(): Plan {
    status.judgedAt = now;
    const verdict = judge(seen.figures, spec.thresholds);
    if (seen.figures !== null) status.figures = seen.figures;
    if (verdict.kind === 'unknown') {
      status.message = verdict.why;
      return { status, wish: trial, event: null };
    }
    if (verdict.kind === 'bad') {
      status.failures++;
      if (status.failures > spec.thresholds.maxFailures) return back(verdict.why);
      status.message = `${verdict.why} (${status.failures} of at most ${spec.thresholds.maxFailures} bad intervals)`;
      return { status, wish: trial, event: { type: 'Warning', reason: 'BadInterval', message: status.message } };
    }
    status.failures = 0;
    if (weights.length === 0) return go('Waiting', 'good so far; it goes on until somebody decides', trial);
    if (status.step + 1 >= weights.length) return go('Promoting', `every step was good; deploy/${spec.target.name} gets the new version`, { kind: 'promote', weight: status.weight });
    status.step++;
    status.weight = weights[status.step]!;
    status.message = describe(status, weights);
    return { status, wish: { kind: 'trial', weight: status.weight }, event: { type: 'Normal', reason: 'Step', message: status.message } };
  }
}

function promoted(canary: Canary, target: Workload): boolean {
  return canary.spec.images.every((i) => target.spec.template.spec.containers.some((c) => c.name === i.container && c.image === i.image));
}

function describe(status: CanaryStatus, weights: readonly number[]): string {
  return weights.length === 0 ? 'requests with the headers go to the new version' : `step ${status.step + 1} of ${weights.length}: ${status.weight} % of the traffic`;
}
