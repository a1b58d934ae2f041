/**
 * Budgets against floods of frames that cost the peer little (CVE-2019-9512 to 9518, CVE-2023-44487, CVE-2025-8671): a bucket for control frames and one for streams
 * that were reset. Real traffic refills both as it flows, so a busy connection may have any number of them in proportion; time refills them too,
 * and the clock is read only when one is empty.
 */
import type { Clock } from '../../lib/clock.ts';
import { CODE, ConnectionError } from './frames.ts';

const CONTROL_BURST = 10_000;
const CONTROL_PER_MS = 1;
/** control frames that one frame of content entitles to: window updates for stream and connection, a bandwidth probe's ping and its answer */
const CONTROL_PER_DATA = 4;
const RESET_BURST = 2000;
const RESETS_PER_MS = 0.5;

export class FloodMeter {
  private readonly clock: Clock;
  private control = CONTROL_BURST;
  private resets = RESET_BURST;
  private controlAt: number;
  private resetsAt: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.controlAt = this.resetsAt = clock.now();
  }

  /** content was sent or received, or a stream opened */
  worked(): void {
    if (this.control < CONTROL_BURST) this.control += CONTROL_PER_DATA;
  }

  /** an exchange ran to its end */
  finished(): void {
    if (this.resets < RESET_BURST) this.resets++;
  }

  /** a frame that carries no content came; `cost` in plain control frames */
  took(cost: number, reason: string): void {
    this.control -= cost;
    if (this.control > 0) return;
    const now = this.clock.now();
    this.control = Math.min(CONTROL_BURST, this.control + (now - this.controlAt) * CONTROL_PER_MS);
    this.controlAt = now;
    if (this.control <= 0) throw new ConnectionError(CODE.enhanceYourCalm, reason);
  }

  /** the peer reset a stream, or did something for which it had to be reset */
  wasReset(): void {
    this.resets--;
    if (this.resets > 0) return;
    const now = this.clock.now();
    this.resets = Math.min(RESET_BURST, this.resets + (now - this.resetsAt) * RESETS_PER_MS);
    this.resetsAt = now;
    if (this.resets <= 0) throw new ConnectionError(CODE.enhanceYourCalm, 'rapid-reset');
  }
}
