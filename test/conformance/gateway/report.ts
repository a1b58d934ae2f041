/** The suite's report (gateway.networking.k8s.io/v1 ConformanceReport), as far as it says whether all is well. */
import { parse } from 'yaml';

interface Part {
  result?: string;
  statistics?: { Passed?: number; Failed?: number; Skipped?: number };
  skippedTests?: string[];
  failedTests?: string[];
  supportedFeatures?: string[];
  unsupportedFeatures?: string[];
}

interface Report {
  profiles?: { name: string; core?: Part; extended?: Part; summary?: string }[];
  succeededProvisionalTests?: string[];
}

export interface Outcome {
  /** one line a profile and part */
  lines: string[];
  passed: number;
  failed: number;
}

/** Reads a report. A skipped test is a failed one, and so is a profile without tests: nothing that was claimed may be passed over. */
export function readReport(text: string): Outcome {
  const report = parse(text) as Report;
  const out: Outcome = { lines: [], passed: 0, failed: 0 };
  for (const profile of report.profiles ?? []) {
    for (const name of ['core', 'extended'] as const) {
      const part = profile[name];
      if (part === undefined) continue;
      const { Passed = 0, Failed = 0, Skipped = 0 } = part.statistics ?? {};
      out.passed += Passed;
      out.failed += Failed + Skipped;
      const not = [...(part.failedTests ?? []).map((t) => `${t} failed`), ...(part.skippedTests ?? []).map((t) => `${t} was skipped`)];
      const unclaimed = part.unsupportedFeatures ?? [];
      out.lines.push(`${profile.name} ${name}: ${part.result ?? 'no result'}, ${Passed} passed${not.length > 0 ? `; ${not.join(', ')}` : ''}${unclaimed.length > 0 ? `; not claimed: ${unclaimed.join(', ')}` : ''}`);
    }
  }
  const provisional = report.succeededProvisionalTests ?? [];
  if (provisional.length > 0) out.lines.push(`provisional tests that passed: ${provisional.join(', ')}`);
  if (out.passed + out.failed === 0) out.failed = 1;
  return out;
}
