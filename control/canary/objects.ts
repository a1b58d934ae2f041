/** What a canary consists of: a Deployment, a Service and an HTTPRoute beside those of its target, all owned by it, so that they go when it goes. */
import { CANARY, type Canary } from '../../api/crds/canary.ts';
import type { HttpRoute, HttpRouteRule } from '../../lib/kube/gateway-api.ts';
import type { OwnerReference, Service, Workload } from '../../lib/kube/types.ts';

const SUFFIX = '-canary';
const MAX_LABEL = 63;

/** Cut, so that the suffix fits into a label's value and a name. */
export function canaryName(name: string): string {
  return `${name.slice(0, MAX_LABEL - SUFFIX.length)}${SUFFIX}`;
}

export function ownerOf(canary: Canary): OwnerReference {
  return { apiVersion: `${CANARY.group}/${CANARY.version}`, kind: CANARY.kind, name: canary.metadata.name, uid: canary.metadata.uid!, controller: true };
}

/**
 * Labels of the new version's pods: those of the target, but for what its Service and its Deployment select by. With them they would get traffic at once,
 * and count as replicas of the target.
 */
function labels(target: Workload, service: Service): { pods: Record<string, string>; changed: string[] } {
  const pods = { ...target.spec.template.metadata?.labels };
  const own = Object.keys(target.spec.selector?.matchLabels ?? {});
  const selected = Object.keys(service.spec.selector ?? {});
  const changed = [...new Set([...selected, ...(own.some((key) => selected.includes(key)) ? [] : own.slice(0, 1))])];
  for (const key of changed) pods[key] = canaryName(pods[key] ?? '');
  return { pods, changed };
}

export function canaryDeployment(canary: Canary, target: Workload, service: Service): Workload {
  const { pods, changed } = labels(target, service);
  const own = Object.keys(target.spec.selector?.matchLabels ?? {});
  const name = canaryName(target.metadata.name);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: canary.metadata.namespace!, labels: { ...target.metadata.labels }, ownerReferences: [ownerOf(canary)] },
    spec: {
      replicas: target.spec.replicas ?? 1,
      selector: { matchLabels: Object.fromEntries([...new Set([...own, ...changed])].map((key) => [key, pods[key] ?? ''])) },
      template: { metadata: { ...target.spec.template.metadata, labels: pods }, spec: withImages(canary, target) },
    },
  };
}

/** The pod spec of the target with the images of the canary. */
export function withImages(canary: Canary, target: Workload): Workload['spec']['template']['spec'] {
  const { spec } = target.spec.template;
  const image = new Map(canary.spec.images.map((i) => [i.container, i.image]));
  return { ...spec, containers: spec.containers.map((c) => ({ ...c, ...(image.has(c.name) && { image: image.get(c.name)! }) })) };
}

export function canaryService(canary: Canary, target: Workload, service: Service): Service {
  const { pods } = labels(target, service);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: canaryName(service.metadata.name), namespace: canary.metadata.namespace!, labels: { ...service.metadata.labels }, annotations: ownAnnotations(service), ownerReferences: [ownerOf(canary)] },
    spec: {
      selector: Object.fromEntries(Object.keys(service.spec.selector ?? {}).map((key) => [key, pods[key] ?? ''])),
      ports: (service.spec.ports ?? []).map(({ name, port, protocol, appProtocol, targetPort }) => (
        { port, ...(name && { name }), ...(protocol && { protocol }), ...(appProtocol && { appProtocol }), ...(targetPort !== undefined && { targetPort }) }
      )),
    },
  };
}

/** Without what kubectl keeps there of its own. */
function ownAnnotations(service: Service): Record<string, string> {
  return Object.fromEntries(Object.entries(service.metadata.annotations ?? {}).filter(([key]) => !key.startsWith('kubectl.kubernetes.io/')));
}

/** Requests with the headers go to the new version, and of the others as many as `weight` (percent) says. */
export function canaryRoute(canary: Canary, weight: number): HttpRoute {
  const { service, headers } = canary.spec;
  const [stable, fresh] = [service.name, canaryName(service.name)].map((name) => (w: number) => ({ name, port: service.port, weight: w }));
  const rules: HttpRouteRule[] = [{ backendRefs: [stable!(100 - weight), fresh!(weight)] }];
  if (headers && headers.length > 0) rules.unshift({ matches: [{ headers: headers.map(({ name, value }) => ({ type: 'Exact', name, value })) }], backendRefs: [fresh!(1)] });
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: canaryName(service.name), namespace: canary.metadata.namespace!, ownerReferences: [ownerOf(canary)] },
    spec: { parentRefs: [{ group: '', kind: 'Service', name: service.name, port: service.port }], rules },
  };
}
