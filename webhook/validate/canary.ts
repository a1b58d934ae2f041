import type { Canary } from '../../api/crds/canary.ts';
import { parseDuration } from '../../lib/duration.ts';
import type { FieldProblem } from '../../lib/traffic/read.ts';

/** What of a Canary cannot be followed: durations of no length, shares that go back, a container that is named twice. */
export function canaryProblems({ spec }: Canary): FieldProblem[] {
  const durations = [['spec.interval', spec.interval], ['spec.startTimeout', spec.startTimeout], ['spec.thresholds.latencyP99', spec.thresholds.latencyP99]] as const;
  const weights = (spec.steps ?? []).map((step) => step.weight);
  const containers = spec.images.map((image) => image.container);
  return [
    ...durations.flatMap(([field, text]) => (text === undefined || (parseDuration(text) ?? 0) > 0 ? [] : [{ field, message: `${JSON.stringify(text)} is no duration above zero` }])),
    ...weights.flatMap((weight, i) => (i === 0 || weight > weights[i - 1]! ? [] : [{ field: `spec.steps[${i}].weight`, message: `${weight} is not more than ${weights[i - 1]}, the share of the step before` }])),
    ...containers.flatMap((name, i) => (containers.indexOf(name) === i ? [] : [{ field: `spec.images[${i}].container`, message: `container ${name} is named twice` }])),
  ];
}
