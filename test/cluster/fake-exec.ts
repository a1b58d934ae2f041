/** An Exec for unit tests: answers by the first rule whose words the command line starts with, and keeps what it was asked. */
import type { Exec, ExecOptions, ExecResult } from './exec.ts';

export interface Call {
  line: string;
  options: ExecOptions;
}

export interface FakeExec {
  run: Exec;
  calls: Call[];
  lines: () => string[];
}

export function fakeExec(rules: Readonly<Record<string, Partial<ExecResult>>> = {}): FakeExec {
  const calls: Call[] = [];
  return {
    calls,
    lines: () => calls.map((call) => call.line),
    run: (command, args, options = {}) => {
      const line = [command, ...args].join(' ');
      calls.push({ line, options });
      const rule = Object.keys(rules).find((start) => line.startsWith(start));
      return Promise.resolve({ code: 0, stdout: '', stderr: '', ...(rule === undefined ? {} : rules[rule]) });
    },
  };
}
