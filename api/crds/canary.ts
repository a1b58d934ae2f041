/** Canary: a new version of a Deployment gets a growing share of its Service's traffic, and replaces the old one or goes away, by what the mesh measures. */
import type { KubeObject } from '../../lib/kube/types.ts';
import { GROUP } from '../names.ts';
import { definition, DURATION, list, NAME, object, oneOf, text, whole, type Schema } from './schema.ts';

export const CANARY = { group: GROUP, version: 'v1alpha1', plural: 'canaries', kind: 'Canary', namespaced: true } as const;

export interface CanarySpec {
  /** the Deployment that runs now and is to become the new version */
  target: { name: string };
  /** what clients call; its pods are those of the target */
  service: { name: string; port: number };
  /** what is new: image by name of the container */
  images: { container: string; image: string }[];
  /** shares of the traffic, percent, one after the other; none: only requests with the headers, until somebody decides */
  steps?: { weight: number }[];
  /** requests with all of these headers always go to the new version */
  headers?: { name: string; value: string }[];
  /** how long a step lasts, and how often it is judged; a duration */
  interval: string;
  thresholds: {
    /** percent of the responses of the new version that have to succeed */
    successRate?: number;
    /** a duration that the 99th percentile of its latency has to stay below */
    latencyP99?: string;
    /** fewer requests in an interval are too few to judge by: the step goes on */
    minRequests: number;
    /** intervals in a row that may be bad before it is rolled back */
    maxFailures: number;
  };
  /** how long the new version may take to become available; a duration */
  startTimeout: string;
  paused?: boolean;
  /** ends it now, whatever the figures say */
  decision?: 'Promote' | 'Rollback';
}

export const CANARY_PHASES = ['Starting', 'Progressing', 'Paused', 'Waiting', 'Promoting', 'RollingBack', 'Succeeded', 'Failed'] as const;
export type CanaryPhase = (typeof CANARY_PHASES)[number];

export interface CanaryStatus {
  phase: CanaryPhase;
  observedGeneration: number;
  /** index into spec.steps */
  step: number;
  /** percent of the traffic that the new version gets */
  weight: number;
  /** bad intervals in a row */
  failures: number;
  /** RFC 3339: since when it is in this phase, and when it was judged last */
  since: string;
  judgedAt: string;
  message: string;
  /** what was measured last */
  figures?: { requestsPerSecond: number; requests: number; successRate: number | null; latencyP99Ms: number | null };
}

export type Canary = KubeObject & { spec: CanarySpec; status?: CanaryStatus };

const NAMED: Schema = { ...NAME, maxLength: 63 };
const LIMITS = object('What the new version has to keep to.', {
  successRate: { type: 'number', description: 'Percent of responses that succeed.', minimum: 0, maximum: 100 },
  latencyP99: text('The 99th percentile of latency stays below this.', DURATION),
  minRequests: { ...whole('Fewer in an interval are too few to judge by.', 0, 1_000_000), default: 10 },
  maxFailures: { ...whole('Bad intervals in a row before it is rolled back.', 0, 100), default: 1 },
}, { default: {} });

const SPEC = object('What becomes of which Deployment, and by which rules.', {
  target: object('The Deployment that runs now.', { name: text('Its name; same namespace.', NAMED) }, { required: ['name'] }),
  service: object('What clients call.', { name: text('Its name; same namespace.', NAMED), port: whole('The port whose traffic is shifted.', 1, 65_535) }, { required: ['name', 'port'] }),
  images: list('What is new.', object('One container.', { container: text('Name of the container.', NAMED), image: text('Its new image.', { minLength: 1, maxLength: 512 }) }, { required: ['container', 'image'] }), 16, { minItems: 1 }),
  steps: list('Shares of the traffic, one after the other.', object('One step.', { weight: whole('Percent of the traffic.', 0, 100) }, { required: ['weight'] }), 32),
  headers: list('Requests with all of these always go to the new version.', object('One header.', {
    name: text('Name.', { minLength: 1, maxLength: 256 }), value: text('Exact value.', { maxLength: 4096 }),
  }, { required: ['name', 'value'] }), 8),
  interval: text('How long a step lasts.', { ...DURATION, default: '1m' }),
  thresholds: LIMITS,
  startTimeout: text('How long the new version may take to become available.', { ...DURATION, default: '5m' }),
  paused: { type: 'boolean', description: 'Stay where it is.' },
  decision: oneOf('Ends it now.', ['Promote', 'Rollback']),
}, { required: ['target', 'service', 'images'] });

const time = (description: string): Schema => text(description, { format: 'date-time' });
const nullable = (description: string): Schema => ({ type: 'number', nullable: true, description });
const STATUS: Record<string, Schema> = {
  phase: oneOf('Where it is.', CANARY_PHASES),
  observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
  step: whole('Which of the steps, from 0.', 0, 32),
  weight: whole('Percent of the traffic that the new version gets.', 0, 100),
  failures: whole('Bad intervals in a row.', 0, 1000),
  since: time('Since when it is in this phase.'),
  judgedAt: time('When it was judged last.'),
  message: text('For people.', { maxLength: 4096 }),
  figures: object('What was measured last.', {
    requestsPerSecond: { type: 'number' }, requests: { type: 'number' }, successRate: nullable('Percent.'), latencyP99Ms: nullable('Milliseconds.'),
  }),
};

/** CustomResourceDefinition (apiextensions.k8s.io/v1). */
export const CANARY_CRD = definition(CANARY.kind, CANARY.plural, 'A new version of a Deployment on trial.', SPEC, [
  { name: 'Target', type: 'string', jsonPath: '.spec.target.name' },
  { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
  { name: 'Weight', type: 'integer', jsonPath: '.status.weight' },
  { name: 'Success', type: 'number', jsonPath: '.status.figures.successRate' },
  { name: 'P99 ms', type: 'number', jsonPath: '.status.figures.latencyP99Ms' },
  { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
], [], STATUS);
