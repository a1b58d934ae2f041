import type { TapEvent as WireEvent } from '../../api/gen/tap_pb.js';
import type { TapEvent, WorkloadKind } from '../../api/metrics-api.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Plain } from '../../lib/grpc/wire.ts';
import { ApiError } from '../aggregated/status.ts';
import type { PodDirectory } from '../metrics/directory.ts';
import { type PodFacts, memberOf } from '../metrics/facts.ts';
import { toEvent } from './event.ts';
import { type TapSpec, observeRequest } from './request.ts';

/** Watches one proxy: see observe.ts. */
export type ObservePod = (pod: PodFacts, call: {
  request: ReturnType<typeof observeRequest>; signal: AbortSignal; opened: () => void; event: (event: Plain<WireEvent>) => void;
}) => Promise<void>;

export interface TapSessionOptions {
  kind: WorkloadKind;
  namespace: string;
  name: string;
  spec: TapSpec;
  directory: PodDirectory;
  observe: ObservePod;
  clock: Clock;
  signal: AbortSignal;
  emit: (event: TapEvent) => void;
}

/** A proxy ends a call when it has reported its share; the next call comes a second after the one before began. */
const TURN_MS = 1000;
const MAX_BACKOFF_MS = 10_000;

/**
 * Taps every meshed pod of a workload, those included that come while it runs. Resolves as soon as one proxy has taken the call, with a
 * promise for the end, which comes with the signal. Throws ApiError 404 when there is no such pod, 503 when no proxy can be reached.
 */
export async function tap(options: TapSessionOptions): Promise<{ ended: Promise<void> }> {
  const { kind, namespace, name, directory, signal } = options;
  const belongs = (pod: PodFacts): boolean => pod.live && pod.namespace === namespace && memberOf(pod, kind) === name;
  const pods = Array.from(directory.pods()).filter(belongs);
  const what = `${kind} "${name}" in namespace "${namespace}"`;
  if (pods.length === 0) throw new ApiError(404, 'NotFound', `${what} has no running pods`);
  if (!pods.some(tappable)) {
    throw new ApiError(404, 'NotFound', `no pod of ${what} has a proxy that is up; mesh it with: kubectl -n ${namespace} annotate ${kind}/${name} kubectl-mesh.io/inject=enabled`);
  }

  const following = new Map<string, { stop: AbortController; done: Promise<void> }>();
  const failures = new Map<string, Error>();
  return new Promise((resolve, reject) => {
    let finish: () => void;
    const ended = new Promise<void>((r) => { finish = r; });

    function opened(): void {
      resolve({ ended });
    }

    function failed(pod: PodFacts, error: Error): void {
      failures.set(pod.key, error);
      if (Array.from(following.keys()).every((key) => failures.has(key))) {
        reject(new ApiError(503, 'ServiceUnavailable', `none of ${following.size} proxies of ${what} can be tapped; ${pod.name}: ${error.message}`));
      }
    }

    function start(pod: PodFacts): void {
      if (following.has(pod.key) || !belongs(pod) || !tappable(pod)) return;
      const stop = new AbortController();
      const entry = { stop, done: Promise.resolve() };
      following.set(pod.key, entry);
      entry.done = follow(pod, { ...options, signal: AbortSignal.any([signal, stop.signal]) }, () => following.size, opened, (e) => failed(pod, e));
    }

    const unsubscribe = directory.onChange((pod, gone) => {
      if (gone || !pod.live) {
        following.get(pod.key)?.stop.abort();
        following.delete(pod.key);
      } else start(pod);
    });
    const over = (): void => {
      unsubscribe();
      void Promise.all(Array.from(following.values(), (f) => f.done)).then(() => {
        resolve({ ended });
        finish();
      });
    };
    if (signal.aborted) over();
    else signal.addEventListener('abort', over, { once: true });
  });
}

const tappable = (pod: PodFacts): boolean => pod.meshed && pod.ip !== null;

/** Calls one proxy again and again until the signal comes; waits longer the more often it fails. */
async function follow(
  pod: PodFacts, { spec, directory, observe, clock, signal, emit }: TapSessionOptions, pods: () => number, opened: () => void, failed: (error: Error) => void,
): Promise<void> {
  let backoff = TURN_MS;
  while (!signal.aborted) {
    const began = clock.now();
    let wait = TURN_MS;
    try {
      await observe(pod, {
        request: observeRequest(spec, pods()), signal, opened,
        event(wire) {
          const event = toEvent(pod.key, wire, (ip) => directory.byIp(ip));
          if (event !== undefined && !signal.aborted) emit(event);
        },
      });
      backoff = TURN_MS;
    } catch (error) {
      if (signal.aborted) return;
      failed(error as Error);
      wait = backoff;
      backoff = Math.min(backoff * 2, MAX_BACKOFF_MS);
    }
    await pause(clock, wait - (clock.now() - began), signal);
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clock.cancel(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
