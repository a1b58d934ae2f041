import type { Clock } from '../../lib/clock.ts';

/**
 * The Date that a response without one gets when it is forwarded (RFC 9110 6.6.1), as IMF-fixdate. Made once a second, and only where somebody asks: servers that
 * say it themselves cost nothing.
 */
export class HttpDate {
  private readonly clock: Clock;
  private made = '';
  /** time by which `made` is a second old */
  private until = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get text(): string {
    const now = this.clock.now();
    if (now >= this.until) {
      const wall = this.clock.wall();
      this.until = now + 1000 - (wall % 1000);
      this.made = new Date(wall).toUTCString();
    }
    return this.made;
  }
}
