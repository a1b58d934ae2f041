import type { Clock } from '../../lib/clock.ts';
import { RetryBudget } from '../layers/budget.ts';
import type { RetryPolicy } from '../policy/outbound/model.ts';

/**
 * The retry budgets of one destination. A rule keeps its own across updates, as long as the figures are the same: a new one with each update would allow
 * as many retries again.
 */
export class Budgets {
  private readonly clock: Clock;
  private kept = new Map<string, RetryBudget>();
  private used = new Map<string, RetryBudget>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get(rule: string, figures: NonNullable<RetryPolicy['budget']>): RetryBudget {
    const key = `${rule} ${figures.ratio} ${figures.minPerSecond} ${figures.windowMs}`;
    const budget = this.used.get(key) ?? this.kept.get(key) ?? new RetryBudget({ clock: this.clock, ...figures });
    this.used.set(key, budget);
    return budget;
  }

  /** An update begins: what is not asked for from here on until the next one is forgotten. */
  turn(): void {
    this.kept = this.used;
    this.used = new Map();
  }
}
