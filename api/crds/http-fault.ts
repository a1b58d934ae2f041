/** HTTPFault: delays and aborts of requests on purpose, as an ExtensionRef filter of an HTTPRoute or GRPCRoute. */
import type { Condition, KubeObject } from '../../lib/kube/types.ts';
import { definition, DURATION, list, object, oneOf, rule, rules, text, whole, type Schema } from './schema.ts';

/** Durations as in lib/duration.ts. One of `fixed`, `min` with `max`, or `mean` with `standardDeviation`. */
export interface FaultDelay {
  fixed?: string;
  min?: string;
  max?: string;
  mean?: string;
  standardDeviation?: string;
  /** above 0, up to 100; default 100 */
  percentage?: number;
}

/** One of `httpStatus` or `grpcStatus`. */
export interface FaultAbort { httpStatus?: number; grpcStatus?: number; percentage?: number }

export interface FaultMatch {
  path?: { type?: 'Exact' | 'Prefix' | 'RegularExpression'; value: string };
  method?: string;
  headers?: { type?: 'Exact' | 'RegularExpression'; name: string; value: string }[];
}

export interface HttpFaultSpec {
  delay?: FaultDelay;
  abort?: FaultAbort;
  /** any one of them; absent is every request of the rule */
  matches?: FaultMatch[];
  /** RFC 3339; nothing happens from then on */
  until?: string;
}

export type HttpFault = KubeObject & { spec: HttpFaultSpec; status?: { conditions?: (Condition & { observedGeneration?: number })[] } };

const PERCENTAGE: Schema = { type: 'number', description: 'Share of the requests, in percent.', minimum: 0, exclusiveMinimum: true, maximum: 100, default: 100 };
const duration = (description: string): Schema => text(description, DURATION);

const DELAY: Schema = object('Holds requests before they are sent.', {
  fixed: duration('Always as long.'),
  min: duration('Evenly distributed, from this,'),
  max: duration('up to this.'),
  mean: duration('Normally distributed around this,'),
  standardDeviation: duration('with this spread; below zero counts as zero.'),
  percentage: PERCENTAGE,
}, rules(
  rule('[has(self.fixed), has(self.min), has(self.mean)].filter(x, x).size() == 1', 'give one of: fixed; min and max; mean and standardDeviation'),
  rule('has(self.min) == has(self.max) && has(self.mean) == has(self.standardDeviation)', 'min goes with max, and mean with standardDeviation'),
));

const ABORT: Schema = object('Answers requests in place of the service.', {
  httpStatus: whole('HTTP status of the answer.', 200, 599),
  grpcStatus: whole('gRPC status of the answer.', 1, 16),
  percentage: PERCENTAGE,
}, rules(rule('has(self.httpStatus) != has(self.grpcStatus)', 'give httpStatus or grpcStatus')));

const MATCH: Schema = object('Requests: all that is given has to hold.', {
  path: object('Their path.', { type: oneOf('How the value is meant.', ['Exact', 'Prefix', 'RegularExpression'], { default: 'Prefix' }), value: text('The path.', { minLength: 1, maxLength: 1024 }) }, { required: ['value'] }),
  method: text('Their method, in upper case.', { minLength: 1, maxLength: 32, pattern: '^[A-Z][A-Z-]*$' }),
  headers: list('Their headers.', object('A header.', {
    type: oneOf('How the value is meant.', ['Exact', 'RegularExpression'], { default: 'Exact' }),
    name: text('Its name.', { minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+.^_|~`-]+$" }),
    value: text('Its value.', { maxLength: 4096 }),
  }, { required: ['name', 'value'] }), 16),
}, { minProperties: 1 });

const SPEC: Schema = object('What goes wrong, and for which requests.', {
  delay: DELAY,
  abort: ABORT,
  matches: list('Requests; any one of them. Absent: every request of the rule.', MATCH, 16),
  until: text('Nothing happens from this moment on.', { format: 'date-time' }),
}, rules(rule('has(self.delay) || has(self.abort)', 'give a delay, an abort, or both')));

export const HTTP_FAULT_CRD = definition('HTTPFault', 'httpfaults', 'Delays and aborts of requests on purpose; a filter (extensionRef) of an HTTPRoute or GRPCRoute.', SPEC, [
  { name: 'Delay', type: 'string', jsonPath: '.spec.delay.fixed' },
  { name: 'HTTP', type: 'integer', jsonPath: '.spec.abort.httpStatus' },
  { name: 'gRPC', type: 'integer', jsonPath: '.spec.abort.grpcStatus' },
  // As text: kubectl shows how long ago a date was, and this one is to come.
  { name: 'Until', type: 'string', jsonPath: '.spec.until' },
  { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
]);
