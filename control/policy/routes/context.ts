import type { MeshConfig } from '../../../api/config.ts';
import { GATEWAY_GROUP } from '../../../lib/kube/resources.ts';
import type { Service } from '../../../lib/kube/types.ts';
import type { PolicyView, Route, RouteKind } from '../../cluster/route-view.ts';
import { servicePath } from '../../cluster/target.ts';
import type { Family } from '../../cluster/target.ts';
import type { Reference } from '../model.ts';
import type { Backend } from '../outbound/model.ts';
import type { Settings } from '../settings/memory.ts';
import { affinityOf } from '../../../lib/traffic/affinity.ts';
import type { TrafficSettings } from '../../../lib/traffic/settings.ts';

/** What compilations read from. */
export interface Sources {
  view: PolicyView;
  config: MeshConfig;
  settings: Settings;
  /** of the address that clients connect to, where it is not the first one of its service: endpoints are to be of the same */
  family?: Family | undefined;
}

/** What the rules of one route are compiled for. */
export interface RouteContext extends Sources {
  kind: RouteKind;
  /** of the route */
  namespace: string;
  service: Service;
  port: number;
  routeSettings: TrafficSettings;
  serviceSettings: TrafficSettings;
}

export function serviceReference(service: Service, port?: number): Reference & { kind: 'resource' } {
  const { name, namespace = '' } = service.metadata;
  return { kind: 'resource', group: 'core', type: 'Service', name, namespace, ...(port !== undefined && { port }) };
}

export function routeReference({ kind, object: { metadata } }: Route): Reference & { kind: 'resource' } {
  return { kind: 'resource', group: GATEWAY_GROUP, type: kind, name: metadata.name, namespace: metadata.namespace ?? '' };
}

export function settingsOf(service: Service, { settings }: Sources): TrafficSettings {
  return settings.of(service, serviceReference(service));
}

/** A port of a service as a backend, with what the service's owner wants for it. */
export function serviceBackend(service: Service, port: number, sources: Sources): Backend {
  const { name, namespace = '' } = service.metadata;
  const { affinity: annotated, slowStartMs, penalty } = settingsOf(service, sources);
  const affinity = annotated ?? policyAffinity(`${namespace}/${name}`, sources);
  return {
    reference: serviceReference(service, port),
    destination: servicePath({ name, namespace, family: sources.family, port }, sources.config.clusterDomain),
    ...(affinity && { affinity }),
    ...(slowStartMs !== undefined && { slowStartMs }),
    ...(penalty && { penalty }),
  };
}

function policyAffinity(key: string, { view }: Sources): Backend['affinity'] {
  const persistence = view.trafficPolicies(key).find(({ spec }) => spec.sessionPersistence)?.spec.sessionPersistence;
  return persistence && affinityOf(persistence, () => undefined);
}
