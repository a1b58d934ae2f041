import { ROUTE_CONTROLLER, ROUTE_PROBLEMS_CONDITION } from '../../../api/names.ts';
import { CANARY, type Canary } from '../../../api/crds/canary.ts';
import { KubeError } from '../../../lib/kube/error.ts';
import type { Resource } from '../../../lib/kube/resources.ts';
import type { Condition, KubeObject, Service } from '../../../lib/kube/types.ts';
import { readSettings } from '../../../lib/traffic/settings.ts';
import { hasTrafficSettings } from '../../../api/annotations.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Category, type CheckContext } from '../types.ts';

const SHOWN = 5;
const CANARIES: Resource<Canary> = CANARY;

/** What the mesh was told and does not do, as it says on the objects: each a warning, since the mesh itself works. */
export const policy: Category = {
  name: 'policy',
  checks: [
    {
      description: 'routes are followed as they are written',
      hint: 'policy-routes',
      warning: true,
      test: async (c) => {
        const routes = (await Promise.all([KINDS.httproutes, KINDS.grpcroutes, KINDS.tlsroutes, KINDS.tcproutes].map(async (resource) => (await all(c, resource as Resource<Stated>)).map((object) => ({ kind: resource.kind, object }))))).flat();
        report(routes.flatMap(({ kind, object }) => ours(object).flatMap((one) => (isBad(one) ? [said(kind, object, one)] : []))));
      },
    },
    {
      description: 'AuthorizationPolicies and HTTPFaults are followed',
      hint: 'policy-objects',
      warning: true,
      test: async (c) => {
        const [policies, faults] = await Promise.all([all(c, KINDS.authorizationpolicies), all(c, KINDS.httpfaults)]);
        const of = (kind: string, objects: readonly Stated[]): string[] => objects.flatMap((object) => (object.status?.conditions ?? []).flatMap((one) => (isBad(one) ? [said(kind, object, one)] : [])));
        report([...of('AuthorizationPolicy', policies), ...of('HTTPFault', faults)]);
      },
    },
    {
      description: 'traffic annotations on Services are followed',
      hint: 'policy-annotations',
      warning: true,
      test: async (c) => {
        const annotated = (await all<Service>(c, KINDS.services)).filter((service) => hasTrafficSettings(service.metadata));
        report(annotated.flatMap(({ metadata }) => {
          const { problems } = readSettings(metadata, { kind: 'resource', group: '', type: 'Service', name: metadata.name, namespace: metadata.namespace ?? '' });
          return problems.map(({ wrong }) => `Service ${metadata.namespace}/${metadata.name}: ${wrong}`);
        }));
      },
    },
    {
      description: 'no Canary has failed',
      hint: 'policy-canaries',
      warning: true,
      test: async (c) => {
        const failed = (await all(c, CANARIES)).filter((canary) => canary.status?.phase === 'Failed');
        report(failed.map(({ metadata, status }) => `Canary ${metadata.namespace}/${metadata.name}: ${status?.message}`));
      },
    },
  ],
};

/** An object with conditions of its own, or one for each parent and controller. */
type Stated = KubeObject & { status?: { conditions?: Condition[]; parents?: { controllerName: string; conditions?: Condition[] }[] } };

function ours({ status }: Stated): Condition[] {
  return (status?.parents ?? []).filter((parent) => parent.controllerName === ROUTE_CONTROLLER).flatMap((parent) => parent.conditions ?? []);
}

/** PartiallyInvalid and Problems are bad when they hold, the others when they do not. */
function isBad({ type, status }: Condition): boolean {
  return type === 'PartiallyInvalid' || type === ROUTE_PROBLEMS_CONDITION ? status === 'True' : status === 'False';
}

function said(kind: string, { metadata }: KubeObject, { type, reason, message }: Condition): string {
  return `${kind} ${metadata.namespace}/${metadata.name}: ${message || `${type} ${reason}`}`;
}

/** Of the namespace that is looked at, or of all; [] for a kind that the cluster does not have. */
function all<T extends KubeObject>(c: CheckContext, resource: Resource<T>): Promise<T[]> {
  return c.once(`all ${resource.plural}`, async () => {
    try {
      return await c.kube().list(resource, { namespace: c.options.namespace, signal: c.io.signal });
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return [];
      throw error;
    }
  });
}

function report(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const distinct = [...new Set(problems)];
  throw new CheckFailure(distinct.slice(0, SHOWN).join('; ') + (distinct.length > SHOWN ? `; and ${distinct.length - SHOWN} more` : ''));
}
