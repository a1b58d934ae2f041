import type { ApiGroup, ApiResource } from './group.ts';

/** Content type of the aggregated discovery document; also how a caller asks for it. */
export const AGGREGATED_DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export function wantsAggregatedDiscovery(accept: string | undefined): boolean {
  return (accept ?? '').split(',').some((part) => {
    const parameters = part.split(';').map((p) => p.trim());
    return ['application/json', 'g=apidiscovery.k8s.io', 'v=v2', 'as=APIGroupDiscoveryList'].every((p) => parameters.includes(p));
  });
}

const groupVersion = ({ group, version }: ApiGroup): { groupVersion: string; version: string } => ({ groupVersion: `${group}/${version}`, version });

/** meta/v1 APIGroup. */
export function apiGroup(group: ApiGroup): object {
  return { kind: 'APIGroup', apiVersion: 'v1', name: group.group, versions: [groupVersion(group)], preferredVersion: groupVersion(group) };
}

export function apiGroupList(groups: ApiGroup[]): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((g) => ({ name: g.group, versions: [groupVersion(g)], preferredVersion: groupVersion(g) })) };
}

export function apiResourceList(group: ApiGroup): object {
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group.group}/${group.version}`, resources: group.resources };
}

/** apidiscovery.k8s.io/v2: everything in one document. A resource that has only subresources stands there without a kind of its own. */
export function aggregatedDiscovery(groups: ApiGroup[]): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((g) => ({ metadata: { name: g.group, creationTimestamp: null }, versions: [{ version: g.version, resources: resources(g), freshness: 'Current' }] })),
  };
}

function resources(group: ApiGroup): object[] {
  const kind = (r: ApiResource): object => ({ group: group.group, version: group.version, kind: r.kind });
  const names = new Set(group.resources.map((r) => r.name.split('/')[0]!));
  return Array.from(names, (name) => {
    const own = group.resources.find((r) => r.name === name);
    const below = group.resources.filter((r) => r.name.startsWith(`${name}/`));
    const scope = (own ?? below[0]!).namespaced ? 'Namespaced' : 'Cluster';
    return {
      resource: name,
      scope,
      singularResource: own?.singularName ?? '',
      verbs: own?.verbs ?? [],
      ...(own && { responseKind: kind(own) }),
      ...(own?.shortNames && { shortNames: own.shortNames }),
      ...(own?.categories && { categories: own.categories }),
      ...(below.length > 0 && { subresources: below.map((r) => ({ subresource: r.name.slice(name.length + 1), responseKind: kind(r), verbs: r.verbs })) }),
    };
  });
}
