import assert from 'node:assert/strict';
import { readReport } from './report.ts';

const report = (core: object, extended?: object) => JSON.stringify({ profiles: [{ name: 'MESH-HTTP', core, ...(extended && { extended }) }] });
const all = { result: 'success', statistics: { Passed: 7, Failed: 0, Skipped: 0 } };

describe('the report of the conformance suite', () => {
  it('is good when all passed', () => {
    assert.deepEqual(readReport(report(all, all)), { lines: ['MESH-HTTP core: success, 7 passed', 'MESH-HTTP extended: success, 7 passed'], passed: 14, failed: 0 });
  });

  it('names what failed, what was skipped and what was not claimed', () => {
    const part = { result: 'partial', statistics: { Passed: 1, Failed: 1, Skipped: 1 }, failedTests: ['A'], skippedTests: ['B'], unsupportedFeatures: ['F'] };
    assert.deepEqual(readReport(report(part)), { lines: ['MESH-HTTP core: partial, 1 passed; A failed, B was skipped; not claimed: F'], passed: 1, failed: 2 });
  });

  it('that has no tests is a failure', () => {
    assert.equal(readReport('profiles: []').failed, 1);
    assert.equal(readReport(report({ result: 'success' })).failed, 1);
  });
});
