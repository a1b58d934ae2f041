import { ROUTE_CONTROLLER } from '../../../api/names.ts';
import type { ParentReference, PolicyAncestorStatus, RouteParentStatus } from '../../../lib/kube/gateway-api.ts';
import type { ParentReport, Verdict } from './conditions.ts';

/** What an entry is about, and what is said about it. */
interface Report { ref: ParentReference; conditions: Verdict[] }

interface Entry { ref: ParentReference; controllerName: string; conditions?: NonNullable<RouteParentStatus['conditions']> }

/**
 * Entries of a status as they should be, at most `room` of them: those of other controllers as they are, ours by the reports. Undefined when it is so already. A
 * condition keeps its time as long as its status does.
 *
 * @param now RFC 3339
 */
function entriesWith(current: Entry[], reports: Report[], room: number, generation: number, now: string): Entry[] | undefined {
  const ours = current.filter((entry) => entry.controllerName === ROUTE_CONTROLLER);
  const others = current.filter((entry) => entry.controllerName !== ROUTE_CONTROLLER);
  const next = reports.slice(0, Math.max(0, room - others.length)).map(({ ref, conditions }): Entry => {
    const before = ours.find((entry) => same(entry.ref, ref));
    return {
      ref,
      controllerName: ROUTE_CONTROLLER,
      conditions: conditions.map((verdict) => {
        const old = before?.conditions?.find((condition) => condition.type === verdict.type);
        return { ...verdict, observedGeneration: generation, lastTransitionTime: old?.status === verdict.status ? (old.lastTransitionTime ?? now) : now };
      }),
    };
  });
  return canonical(next) === canonical(ours) ? undefined : [...others, ...next];
}

/** The API server takes no more (RouteStatus.parents, PolicyStatus.ancestors). */
const MAX_PARENTS = 32;
const MAX_ANCESTORS = 16;

/** status.parents of a route. */
export function parentsWith(current: RouteParentStatus[], reports: ParentReport[], generation: number, now: string): RouteParentStatus[] | undefined {
  const entries = current.map(({ parentRef: ref, ...entry }) => ({ ref, ...entry }));
  return entriesWith(entries, reports.map(({ parentRef: ref, conditions }) => ({ ref, conditions })), MAX_PARENTS, generation, now)?.map(({ ref, ...entry }) => ({ parentRef: ref, ...entry }));
}

/** status.ancestors of a policy: the Services that it is for. */
export function ancestorsWith(current: PolicyAncestorStatus[], reports: ParentReport[], generation: number, now: string): PolicyAncestorStatus[] | undefined {
  const entries = current.map(({ ancestorRef: ref, ...entry }) => ({ ref, ...entry }));
  return entriesWith(entries, reports.map(({ parentRef: ref, conditions }) => ({ ref, conditions })), MAX_ANCESTORS, generation, now)?.map(({ ref, ...entry }) => ({ ancestorRef: ref, ...entry }));
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
