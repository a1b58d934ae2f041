import { CRDS } from '../../../api/crds/all.ts';
import { labelsOf, type Manifest } from './object.ts';

/** The kinds of our own group. */
export function customResourceDefinitions(): Manifest[] {
  return CRDS.map((one) => ({ ...structuredClone(one), metadata: { ...one.metadata, labels: labelsOf('install') } }));
}
