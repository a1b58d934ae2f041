import { ROUTE_CONTROLLER } from '../../../api/names.ts';
import type { ParentReference, RouteParentStatus } from '../../../lib/kube/gateway-api.ts';
import type { ParentReport } from './conditions.ts';

/** The API server takes no more entries than this (RouteStatus.parents). */
const MAX_PARENTS = 32;

/**
 * status.parents as it should be: the entries of other controllers as they are, ours by the reports. Undefined when it is so already. A condition
 * keeps its time as long as its status does.
 *
 * @param now RFC 3339
 */
export function parentsWith(current: RouteParentStatus[], reports: ParentReport[], generation: number, now: string): RouteParentStatus[] | undefined {
  const ours = current.filter((entry) => entry.controllerName === ROUTE_CONTROLLER);
  const others = current.filter((entry) => entry.controllerName !== ROUTE_CONTROLLER);
  const next = reports.slice(0, Math.max(0, MAX_PARENTS - others.length)).map(({ parentRef, conditions }): RouteParentStatus => {
    const before = ours.find((entry) => same(entry.parentRef, parentRef));
    return {
      parentRef,
      controllerName: ROUTE_CONTROLLER,
      conditions: conditions.map((verdict) => {
        const old = before?.conditions?.find((condition) => condition.type === verdict.type);
        return { ...verdict, observedGeneration: generation, lastTransitionTime: old?.status === verdict.status ? (old.lastTransitionTime ?? now) : now };
      }),
    };
  });
  return canonical(next) === canonical(ours) ? undefined : [...others, ...next];
}

function same(a: ParentReference, b: ParentReference): boolean {
  const parts = ({ group, kind, namespace, name, sectionName, port }: ParentReference) => JSON.stringify([group, kind, namespace, name, sectionName, port]);
  return parts(a) === parts(b);
}

/** Alike whatever the order of members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    (one !== null && typeof one === 'object' && !Array.isArray(one) ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one));
}
