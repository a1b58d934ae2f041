/** Pieces of structural schemas (apiextensions.k8s.io/v1 JSONSchemaProps), with a description wherever people read them by `kubectl explain`. */
import { GROUP } from '../names.ts';

export type Schema = Record<string, unknown>;

export const object = (description: string, properties: Record<string, Schema>, more: Schema = {}): Schema => ({ type: 'object', description, properties, ...more });
export const list = (description: string, items: Schema, maxItems: number, more: Schema = {}): Schema => ({ type: 'array', description, items, maxItems, ...more });
export const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more });
export const oneOf = (description: string, values: readonly string[], more: Schema = {}): Schema => ({ type: 'string', description, enum: values, ...more });
export const whole = (description: string, minimum: number, maximum: number): Schema => ({ type: 'integer', description, minimum, maximum });

/** RFC 1123 label or subdomain: names of Kubernetes objects. */
export const NAME: Schema = { minLength: 1, maxLength: 253, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' };
/** What lib/duration.ts reads, but for the units that no request needs. */
export const DURATION: Schema = { maxLength: 32, pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$' };

/** A rule in CEL that the API server holds every object to; `path` is the field that the error names. */
export const rule = (expression: string, message: string, path?: string): Schema => ({ rule: expression, message, ...(path !== undefined && { fieldPath: path }) });
export const rules = (...validations: Schema[]): Schema => ({ 'x-kubernetes-validations': validations });

/** metav1.Condition, one of a type. */
export const CONDITIONS: Schema = list('How it is, one of each type.', object('A condition.', {
  type: text('What about.', { maxLength: 316 }),
  status: oneOf('Whether it holds.', ['True', 'False', 'Unknown']),
  observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
  lastTransitionTime: text('When the status changed last.', { format: 'date-time' }),
  reason: text('For programs.', { maxLength: 1024 }),
  message: text('For people.', { maxLength: 32_768 }),
}, { required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'] }), 8, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

export interface PrinterColumn { name: string; type: string; jsonPath: string; description?: string; priority?: number }

export interface Definition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string };
  spec: unknown;
}

/** A namespaced kind of our group with one version; `status` is what its status has besides conditions. */
export function definition(
  kind: string, plural: string, description: string, spec: Schema, columns: PrinterColumn[], shortNames: string[] = [], status: Record<string, Schema> = {},
): Definition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), categories: ['mesh'], ...(shortNames.length > 0 && { shortNames }) },
      versions: [{
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [...columns, { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
        schema: { openAPIV3Schema: object(description, { spec, status: object('Written by the control plane.', { ...status, conditions: CONDITIONS }) }, { required: ['spec'] }) },
      }],
    },
  };
}
