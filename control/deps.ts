import type { Registry } from '@prometheus-io/client';
import type { MeshConfig } from '../api/config.ts';
import type { IdentityReport } from '../api/identity-status.ts';
import type { Clock } from '../lib/clock.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import type { Log } from '../lib/log.ts';
import type { ControlEnv } from './env.ts';
import type { MeshIdentity } from './serve/credentials.ts';

/** The process's plain HTTP endpoint (:9990), shared by its services. */
export interface Admin {
  /** metrics of the whole process; register yours here, not in the library's global registry */
  readonly registry: Registry;
  /** /ready is 200 while every check answers null; otherwise 503 with what they answer. Checks are called on each request, so keep them cheap. */
  addCheck(name: string, check: () => string | null): void;
  removeCheck(name: string): void;
  /** what /identity answers from now on */
  reportIdentity(report: () => IdentityReport): void;
}

/** What control/main.ts hands to every service. Members that cost something are made on first use. */
export interface ControlDeps {
  readonly config: MeshConfig;
  /** child it with your service's name */
  readonly log: Log;
  readonly clock: Clock;
  /** client of the pod's own ServiceAccount */
  readonly kube: KubeClient;
  /** certificate of this process, and the trust anchors */
  readonly identity: MeshIdentity;
  readonly admin: Admin;
  /** aborted when the process is told to stop, before stop() of the services is called */
  readonly signal: AbortSignal;
}

export interface Service {
  /** Takes no new work, lets the running finish within its own bound, frees what it opened. Called once. */
  stop(): Promise<void>;
}

/** Every service's module exports this as `start`. It resolves when the service listens; readiness is reported through deps.admin. */
export type StartService = (env: ControlEnv, deps: ControlDeps) => Promise<Service>;
