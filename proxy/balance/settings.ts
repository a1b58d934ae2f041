/** How one backend is balanced over, as numbers that are always there; what the control plane leaves out has its value here. */
import type { AccrualPolicy, BalancePolicy } from '../policy/outbound/model.ts';

export interface LoadSettings {
  /** assumed of an endpoint that nothing was measured of; milliseconds */
  defaultRttMs: number;
  /** time constant of the average; milliseconds */
  decayMs: number;
  /** what a failure is taken to have cost beside its time; milliseconds, 0: failures do not count in the load */
  penaltyMs: number;
  /** time constant of the penalty; milliseconds */
  penaltyDecayMs: number;
  /** responses that ask for less (429, Retry-After) cost at once what they ask for, up to this much; milliseconds, 0: they do not */
  maxRetryAfterMs: number;
}

export interface BalanceSettings {
  load: LoadSettings;
  /** null: no endpoint is taken out for its failures */
  breaker: AccrualPolicy | null;
  /** a new endpoint gets its full share only after this long; milliseconds */
  slowStartMs: number;
  /** exchanges that may wait for an endpoint at a time; more are shed */
  capacity: number;
  /** after this long without an endpoint, whatever waits or comes fails at once; milliseconds */
  failFastMs: number;
}

export const DEFAULTS: BalanceSettings = {
  load: { defaultRttMs: 30, decayMs: 10_000, penaltyMs: 1_000, penaltyDecayMs: 10_000, maxRetryAfterMs: 0 },
  breaker: null,
  slowStartMs: 0,
  capacity: 10_000,
  failFastMs: 3_000,
};

/** For a destination that is one endpoint, whose failures are nothing to balance by. */
export function alone(failFastMs: number): BalanceSettings {
  return { ...DEFAULTS, load: { ...DEFAULTS.load, penaltyMs: 0 }, failFastMs };
}

export function settingsOf({ queue, ewma, penalty, slowStartMs, accrual }: BalancePolicy): BalanceSettings {
  const load = { ...DEFAULTS.load };
  if (ewma !== null) {
    load.defaultRttMs = ewma.defaultRttMs || load.defaultRttMs;
    load.decayMs = ewma.decayMs || load.decayMs;
  }
  if (penalty !== null) {
    load.penaltyMs = penalty.penaltyMs || load.penaltyMs;
    load.penaltyDecayMs = penalty.decayMs || load.penaltyDecayMs;
    load.maxRetryAfterMs = Math.max(penalty.maxRetryAfterMs, load.penaltyMs);
  }
  return { load, breaker: accrual, slowStartMs, capacity: queue?.capacity ?? DEFAULTS.capacity, failFastMs: queue?.failFastMs ?? DEFAULTS.failFastMs };
}
