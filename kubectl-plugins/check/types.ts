import type { KubeClient } from '../../lib/kube/client.ts';
import type { Io } from '../shared/io.ts';
import type { CheckOptions } from './options.ts';

/** What checks look at. `kube` is set by the first check; objects are fetched once and kept. */
export interface CheckContext {
  io: Io;
  options: CheckOptions;
  kube(): KubeClient;
  connect(): Promise<KubeClient>;
  /** fetches once a run under `key`; not kept when it throws */
  once<R>(key: string, fetch: () => Promise<R>): Promise<R>;
  /** forgets what was fetched, before a check is tried again */
  forget(): void;
}

export interface Check {
  description: string;
  /** heading in docs/checks.md that explains what to do */
  hint: string;
  /** a failure is worth knowing but does not make the whole check fail */
  warning?: boolean;
  /** nothing after it makes sense when it fails */
  fatal?: boolean;
  /** may become true by itself: tried again until --wait is over */
  retry?: boolean;
  /** throws CheckFailure (or any error) when it does not hold */
  test(context: CheckContext): Promise<void>;
}

export interface Category {
  name: string;
  checks: Check[];
}

/** The check does not hold; the message says what was found. */
export class CheckFailure extends Error {}

export type Result = 'success' | 'warning' | 'error';

export interface Outcome {
  description: string;
  result: Result;
  hint?: string;
  error?: string;
}

export interface CategoryOutcome {
  categoryName: string;
  checks: Outcome[];
}
