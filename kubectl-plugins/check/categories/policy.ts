import { ROUTE_CONTROLLER, ROUTE_PROBLEMS_CONDITION } from '../../../api/names.ts';
import { CANARY, type Canary } from '../../../api/crds/canary.ts';
import { KubeError } from '../../../lib/kube/error.ts';
import type { Resource } from '../../../lib/kube/resources.ts';
import type { Condition, KubeObject, Service } from '../../../lib/kube/types.ts';
import { failoverProblems } from '../../../lib/traffic/failover-chain.ts';
import type { FailoverView } from '../../../lib/traffic/failover-chain.ts';
import { readSettings } from '../../../lib/traffic/settings.ts';
import type { TrafficSettings } from '../../../lib/traffic/settings.ts';
import { hasTrafficSettings } from '../../../api/annotations.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Category, type CheckContext } from '../types.ts';

const SHOWN = 20;
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
        const routes = (await Promise.all([KINDS.httproutes, KINDS.grpcroutes, KINDS.tlsroutes, KINDS.tcproutes, KINDS.xbackendtrafficpolicies].map(async (resource) => (await all(c, resource as Resource<Stated>)).map((object) => ({ kind: resource.kind, object }))))).flat();
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
        const services = await all<Service>(c, KINDS.services);
        report(services.filter((service) => hasTrafficSettings(service.metadata)).flatMap((service) => {
          const { namespace, name } = service.metadata;
          return settingsOf(service).problems.map(({ wrong }) => `Service ${namespace}/${name}: ${wrong}`);
        }));
      },
    },
    {
      description: 'failover leads to Services that are there, and not back',
      hint: 'policy-failover',
      warning: true,
      test: async (c) => {
        const services = await all<Service>(c, KINDS.services);
        const failing = services.filter((service) => settingsOf(service).failover.length > 0);
        // Failover may leave the namespace that is looked at.
        const known = new Map((failing.length === 0 || c.options.namespace === undefined ? services : await everywhere(c, KINDS.services)).map((service) => [`${service.metadata.namespace}/${service.metadata.name}`, service]));
        const view: FailoverView = { service: (key) => known.get(key), failoverOf: (service) => settingsOf(service).failover };
        report(failing.flatMap((service) => failoverProblems(service, view).map(({ message }) => `Service ${service.metadata.namespace}/${service.metadata.name}: ${message}`)));
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
type Stated = KubeObject & { status?: { conditions?: Condition[]; parents?: OfController[]; ancestors?: OfController[] } };

interface OfController { controllerName: string; conditions?: Condition[] }

function ours({ status }: Stated): Condition[] {
  return [...(status?.parents ?? []), ...(status?.ancestors ?? [])].filter((parent) => parent.controllerName === ROUTE_CONTROLLER).flatMap((parent) => parent.conditions ?? []);
}

/** PartiallyInvalid and Problems are bad when they hold, the others when they do not. */
function isBad({ type, status }: Condition): boolean {
  return type === 'PartiallyInvalid' || type === ROUTE_PROBLEMS_CONDITION ? status === 'True' : status === 'False';
}

function said(kind: string, { metadata }: KubeObject, { type, reason, message }: Condition): string {
  return `${kind} ${metadata.namespace}/${metadata.name}: ${message || `${type} ${reason}`}`;
}

function settingsOf({ metadata }: Service): TrafficSettings {
  return readSettings(metadata, { kind: 'resource', group: '', type: 'Service', name: metadata.name, namespace: metadata.namespace ?? '' });
}

/** Of the namespace that is looked at, or of all; [] for a kind that the cluster does not have. */
function all<T extends KubeObject>(c: CheckContext, resource: Resource<T>): Promise<T[]> {
  return listed(c, resource, c.options.namespace);
}

function everywhere<T extends KubeObject>(c: CheckContext, resource: Resource<T>): Promise<T[]> {
  return listed(c, resource, undefined);
}

function listed<T extends KubeObject>(c: CheckContext, resource: Resource<T>, namespace: string | undefined): Promise<T[]> {
  return c.once(`all ${resource.plural} in ${namespace ?? 'all namespaces'}`, async () => {
    try {
      return await c.kube().list(resource, { namespace, signal: c.io.signal });
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
