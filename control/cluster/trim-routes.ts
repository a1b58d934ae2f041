import type { HttpFault } from '../../api/crds/http-fault.ts';
import type { BackendTrafficPolicy, ReferenceGrant, RouteOf } from '../../lib/kube/gateway-api.ts';
import type { ObjectMeta } from '../../lib/kube/types.ts';
import { trimMeta } from './trim.ts';

/** What the control plane keeps of the Gateway API's objects; age and generation count here, for precedence and status. */
function meta(m: ObjectMeta): ObjectMeta {
  return {
    ...trimMeta(m, () => false),
    ...(m.uid !== undefined && { uid: m.uid }),
    ...(m.generation !== undefined && { generation: m.generation }),
    ...(m.creationTimestamp !== undefined && { creationTimestamp: m.creationTimestamp }),
  };
}

export function trimRoute<T extends RouteOf<unknown>>(route: T): T {
  return { metadata: meta(route.metadata), spec: route.spec, ...(route.status?.parents && { status: { parents: route.status.parents } }) } as T;
}

export function trimGrant(grant: ReferenceGrant): ReferenceGrant {
  return { metadata: meta(grant.metadata), spec: grant.spec };
}

export function trimTrafficPolicy(policy: BackendTrafficPolicy): BackendTrafficPolicy {
  return { metadata: meta(policy.metadata), spec: policy.spec, ...(policy.status && { status: policy.status }) };
}

export function trimFault(fault: HttpFault): HttpFault {
  return { metadata: meta(fault.metadata), spec: fault.spec, ...(fault.status && { status: fault.status }) };
}
