import { AUTHORIZATION_POLICY_CRD } from './authorization-policy.ts';
import { CANARY_CRD } from './canary.ts';
import { HTTP_FAULT_CRD } from './http-fault.ts';
import type { Definition } from './schema.ts';

/** Every kind of our own group that install brings. */
export const CRDS: readonly Definition[] = [AUTHORIZATION_POLICY_CRD, CANARY_CRD, HTTP_FAULT_CRD];
