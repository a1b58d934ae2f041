import type { Canary } from '../../api/crds/canary.ts';
import { table } from '../shared/table.ts';

const NONE = '-';

function measured(canary: Canary): { rps: string; success: string; p99: string } {
  const f = canary.status?.figures;
  return {
    rps: f === undefined ? NONE : f.requestsPerSecond.toFixed(1),
    success: f === undefined || f.successRate === null ? NONE : `${f.successRate.toFixed(2)}%`,
    p99: f === undefined || f.latencyP99Ms === null ? NONE : `${Math.round(f.latencyP99Ms)}ms`,
  };
}

/** Where it is, in one line. */
export function line(canary: Canary): string {
  const { status } = canary;
  const m = measured(canary);
  const figures = status?.figures === undefined ? '' : ` (new version: ${m.rps} rps, ${m.success} success, p99 ${m.p99})`;
  return `${(status?.phase ?? 'Pending').padEnd(11)} ${String(status?.weight ?? 0).padStart(3)}%  ${status?.message ?? ''}${figures}`;
}

/** What it is and where it is. */
export function summary(canary: Canary): string {
  const { spec, status } = canary;
  const m = measured(canary);
  const steps = (spec.steps ?? []).map((s, i) => (status?.phase === 'Progressing' && status.step === i ? `[${s.weight}%]` : `${s.weight}%`)).join(' ');
  const headers = (spec.headers ?? []).map((h) => `${h.name}: ${h.value}`).join(', ');
  const limits = [
    spec.thresholds.successRate === undefined ? '' : `success rate of at least ${spec.thresholds.successRate}%`,
    spec.thresholds.latencyP99 === undefined ? '' : `p99 latency below ${spec.thresholds.latencyP99}`,
  ].filter((s) => s !== '');
  const facts: [string, string][] = [
    ['Deployment', spec.target.name], ['New version', spec.images.map((i) => `${i.container}=${i.image}`).join(', ')], ['Traffic of', `svc/${spec.service.name} port ${spec.service.port}`],
    ...(headers === '' ? [] : [['Requests with', headers] as [string, string]]), ...(steps === '' ? [] : [['Steps', `${steps}, ${spec.interval} each`] as [string, string]]),
    ['Has to keep to', limits.join(', ') || 'nothing'],
    ['Phase', status === undefined ? 'not taken up yet' : `${status.phase}: ${status.message}`],
    ['Measured', status?.figures === undefined ? NONE : `${m.rps} rps, ${m.success} success, p99 ${m.p99}`],
  ];
  return table([{ heading: 'CANARY' }, { heading: canary.metadata.name }], facts);
}
