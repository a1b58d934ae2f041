import assert from 'node:assert/strict';
import { reportLines, readTests } from './report.ts';

const report = (core: object, extended?: object) => JSON.stringify({ profiles: [{ name: 'MESH-HTTP', core, ...(extended && { extended }) }] });
const all = { result: 'success', statistics: { Passed: 7, Failed: 0, Skipped: 0 } };

describe('what the conformance suite says', () => {
  it('names each test, but not its parts', () => {
    const said = '--- PASS: TestConformance (3.1s)\n    --- PASS: TestConformance/MeshPorts (1.0s)\n        --- PASS: TestConformance/MeshPorts/0_request (0.5s)\n    --- SKIP: TestConformance/Other (0.0s)\n';
    assert.deepEqual(readTests(said), [{ name: 'MeshPorts', result: 'PASS' }, { name: 'Other', result: 'SKIP' }]);
  });
});

describe('the report of the conformance suite', () => {
  it('is good when all passed', () => {
    assert.deepEqual(reportLines(report(all, all)), ['MESH-HTTP core: success, 7 passed', 'MESH-HTTP extended: success, 7 passed']);
  });

  it('names what failed, what was skipped and what was not claimed', () => {
    const part = { result: 'partial', statistics: { Passed: 1, Failed: 1, Skipped: 1 }, failedTests: ['A'], skippedTests: ['B'], unsupportedFeatures: ['F'] };
    assert.deepEqual(reportLines(report(part)), ['MESH-HTTP core: partial, 1 passed; A failed, B was skipped; not claimed: F']);
  });
});
