/** Canary: a new version of a Deployment gets a growing share of its Service's traffic, and replaces the old one or goes away, by what the mesh measures. */
import type { KubeObject, Condition } from '../../lib/kube/types.ts';

export const CANARY = { group: 'kubectl-mesh.io', version: 'v1alpha1', plural: 'canaries', kind: 'Canary', namespaced: true } as const;

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
  figures?: { requestsPerSecond: number; successRate: number | null; latencyP99Ms: number | null };
  conditions?: (Condition & { observedGeneration?: number })[];
}

export type Canary = KubeObject & { spec: CanarySpec; status?: CanaryStatus };

const text = (description: string, more: object = {}): object => ({ type: 'string', description, ...more });
const whole = (description: string, minimum: number, maximum: number, more: object = {}): object => ({ type: 'integer', description, minimum, maximum, ...more });
const NAME = { minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' };
const DURATION = { pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$' };
const object = (description: string, properties: Record<string, object>, required: string[]): object => ({ type: 'object', description, properties, required });
const list = (description: string, items: object, maxItems: number): object => ({ type: 'array', description, items, maxItems });

const SPEC = object('What becomes of which Deployment, and by which rules.', {
  target: object('The Deployment that runs now.', { name: text('Its name; same namespace.', NAME) }, ['name']),
  service: object('What clients call.', { name: text('Its name; same namespace.', NAME), port: whole('The port whose traffic is shifted.', 1, 65_535) }, ['name', 'port']),
  images: { ...list('What is new.', object('One container.', { container: text('Name of the container.', NAME), image: text('Its new image.', { minLength: 1 }) }, ['container', 'image']), 16), minItems: 1 },
  steps: list('Shares of the traffic, one after the other.', object('One step.', { weight: whole('Percent of the traffic.', 0, 100) }, ['weight']), 32),
  headers: list('Requests with all of these always go to the new version.', object('One header.', { name: text('Name.', { minLength: 1, maxLength: 256 }), value: text('Exact value.', { maxLength: 4096 }) }, ['name', 'value']), 8),
  interval: text('How long a step lasts.', { ...DURATION, default: '1m' }),
  thresholds: {
    ...object('What the new version has to keep to.', {
      successRate: { type: 'number', description: 'Percent of responses that succeed.', minimum: 0, maximum: 100 },
      latencyP99: text('99th percentile of latency.', DURATION),
      minRequests: whole('Fewer in an interval are too few to judge by.', 0, 1_000_000, { default: 10 }),
      maxFailures: whole('Bad intervals in a row before it is rolled back.', 0, 100, { default: 1 }),
    }, []),
    default: {},
  },
  startTimeout: text('How long the new version may take to become available.', { ...DURATION, default: '5m' }),
  paused: { type: 'boolean', description: 'Stay where it is.' },
  decision: text('Ends it now.', { enum: ['Promote', 'Rollback'] }),
}, ['target', 'service', 'images']);

const column = (name: string, jsonPath: string, type = 'string', priority = 0): object => ({ name, jsonPath, type, priority });

/** CustomResourceDefinition (apiextensions.k8s.io/v1). */
export const CANARY_CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${CANARY.plural}.${CANARY.group}` },
  spec: {
    group: CANARY.group,
    names: { kind: CANARY.kind, plural: CANARY.plural, singular: 'canary', listKind: 'CanaryList', categories: ['mesh'] },
    scope: 'Namespaced',
    versions: [{
      name: CANARY.version, served: true, storage: true,
      subresources: { status: {} },
      additionalPrinterColumns: [
        column('Target', '.spec.target.name'), column('Phase', '.status.phase'), column('Weight', '.status.weight', 'integer'),
        column('Success', '.status.figures.successRate', 'number'), column('P99 ms', '.status.figures.latencyP99Ms', 'number'),
        column('Message', '.status.message', 'string', 1), column('Age', '.metadata.creationTimestamp', 'date'),
      ],
      schema: {
        openAPIV3Schema: object('A new version of a Deployment on trial.', {
          spec: SPEC,
          status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        }, ['spec']),
      },
    }],
  },
};
