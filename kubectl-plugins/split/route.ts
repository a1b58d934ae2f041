/** The HTTPRoute that a split is: named after its Service, and known as ours by a label. */
import type { HttpRoute } from '../../lib/kube/gateway-api.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Service } from '../../lib/kube/types.ts';
import { CliError } from '../shared/errors.ts';
import { find } from '../shared/installed.ts';
import { KINDS } from '../shared/kinds.ts';
import type { Weight } from './options.ts';

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const MANAGER = 'kubectl-mesh-split';

export const routeName = (service: string): string => `${service}-split`;

export function splitRoute(namespace: string, service: Service, port: number, weights: readonly (Weight & { port: number })[]): HttpRoute {
  const { name } = service.metadata;
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: routeName(name), namespace, labels: { [MANAGED_BY]: MANAGER } },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name, port }],
      rules: [{ backendRefs: weights.map((w) => ({ name: w.service, port: w.port, weight: w.weight })) }],
    },
  };
}

export function weightsOf(route: HttpRoute | undefined): Weight[] {
  return (route?.spec.rules?.[0]?.backendRefs ?? []).map((b) => ({ service: b.name, weight: b.weight ?? 1 }));
}

/** The split of a Service, if it has one. Throws CliError where the name is taken by a route that is not ours. */
export async function findSplit(kube: KubeClient, namespace: string, service: string): Promise<HttpRoute | undefined> {
  const name = routeName(service);
  const route = await find(kube, KINDS.httproutes, { name, namespace });
  if (route !== undefined && route.metadata.labels?.[MANAGED_BY] !== MANAGER) {
    throw new CliError(`HTTPRoute ${name} in namespace ${namespace} was not made by this command, so it is left alone. Rename it, or change its backendRefs by hand.`);
  }
  return route;
}

/** Other routes of the Service: which request goes where is settled between them by Gateway API's precedence. */
export async function otherRoutes(kube: KubeClient, namespace: string, service: string): Promise<string[]> {
  const routes = await kube.list(KINDS.httproutes, { namespace });
  return routes.filter((r) => r.metadata.name !== routeName(service) && r.spec.parentRefs?.some((p) => p.group === '' && p.kind === 'Service' && p.name === service && (p.namespace ?? namespace) === namespace))
    .map((r) => r.metadata.name);
}

/** Throws CliError unless the cluster serves HTTPRoutes. */
export async function needGatewayApi(kube: KubeClient): Promise<void> {
  const { groups } = await kube.json<{ groups: { name: string; versions: { version: string }[] }[] }>({ path: '/apis' });
  if (groups.some((g) => g.name === KINDS.httproutes.group && g.versions.some((v) => v.version === KINDS.httproutes.version))) return;
  throw new CliError('The cluster does not know HTTPRoute, which a split is written as. Install the CustomResourceDefinitions of Gateway API (release 1.1 or later, standard channel), then run the command again.');
}

/** The port of a backend that stands for `port` of the Service: the same number, or its only one. Throws CliError. */
export function backendPort(backend: Service, port: number): number {
  const ports = (backend.spec?.ports ?? []).map((p) => p.port);
  if (ports.includes(port)) return port;
  if (ports.length === 1) return ports[0]!;
  throw new CliError(`Service ${backend.metadata.name} has no port ${port}, and ${ports.length === 0 ? 'none' : 'several others'} (${ports.join(', ') || '-'}), so it is not clear where the traffic should go. Give it a port ${port}.`);
}
