// Mocha's spec reporter, which also leaves its counts in the file named by MOCHA_COUNTS, so that the test command can add suites up.
import { appendFileSync } from 'node:fs';
import Mocha from 'mocha';

export default class CountingSpec extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      if (process.env.MOCHA_COUNTS) appendFileSync(process.env.MOCHA_COUNTS, `${JSON.stringify({ passes, failures, pending })}\n`);
    });
  }
}
