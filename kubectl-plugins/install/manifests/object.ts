import { LABELS, PART_OF } from '../../../api/names.ts';

/** What every manifest has; the rest is the kind's own. Compatible with the typed models of @kubernetes/client-node. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
}

/** Components that an object can belong to (value of LABELS.component). `install` is what belongs to no single one. */
export type Component = 'identity' | 'control' | 'canary' | 'install';

/** Labels on everything that install creates; uninstall selects by LABELS.partOf. */
export function labelsOf(component: Component, extra: Record<string, string> = {}): Record<string, string> {
  return { [LABELS.partOf]: PART_OF, [LABELS.component]: component, ...extra };
}

/** Labels by which Deployments and Services find the pods of a component. */
export function selectorOf(component: Component): Record<string, string> {
  return { [LABELS.component]: component };
}
