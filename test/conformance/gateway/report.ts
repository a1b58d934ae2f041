/** The suite's report (gateway.networking.k8s.io/v1 ConformanceReport), as far as it says whether all is well. */
import { parse } from 'yaml';

interface Part {
  result?: string;
  statistics?: { Passed?: number };
  skippedTests?: string[];
  failedTests?: string[];
  supportedFeatures?: string[];
  unsupportedFeatures?: string[];
}

interface Report {
  profiles?: { name: string; core?: Part; extended?: Part; summary?: string }[];
  succeededProvisionalTests?: string[];
}

export interface TestResult { name: string; result: 'PASS' | 'FAIL' | 'SKIP' }

/** Each test of the suite, of what `go test -v` says: also those that belong to no profile, which the report leaves out. */
export function readTests(stdout: string): TestResult[] {
  return [...stdout.matchAll(/^ {4}--- (PASS|FAIL|SKIP): TestConformance\/(\w+) /gm)].map(([, result, name]) => ({ name: name!, result: result as TestResult['result'] }));
}

/** What a report says, one line a profile and part. */
export function reportLines(text: string): string[] {
  const report = parse(text) as Report;
  const lines: string[] = [];
  for (const profile of report.profiles ?? []) {
    for (const name of ['core', 'extended'] as const) {
      const part = profile[name];
      if (part === undefined) continue;
      const { Passed = 0 } = part.statistics ?? {};
      const not = [...(part.failedTests ?? []).map((t) => `${t} failed`), ...(part.skippedTests ?? []).map((t) => `${t} was skipped`)];
      const unclaimed = part.unsupportedFeatures ?? [];
      lines.push(`${profile.name} ${name}: ${part.result ?? 'no result'}, ${Passed} passed${not.length > 0 ? `; ${not.join(', ')}` : ''}${unclaimed.length > 0 ? `; not claimed: ${unclaimed.join(', ')}` : ''}`);
    }
  }
  const provisional = report.succeededProvisionalTests ?? [];
  if (provisional.length > 0) lines.push(`provisional tests that passed: ${provisional.join(', ')}`);
  return lines;
}
