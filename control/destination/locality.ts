import type { AddressSet } from './address-set.ts';
import type { Endpoint } from './endpoint.ts';

/** Where the asking proxy runs. */
export interface Place { node: string | undefined; zone: string | undefined }

/**
 * The endpoints that a client in this place is to use, by kube-proxy's rules: with internalTrafficPolicy Local only those of its node, the ready
 * ones if there are any; else, if every endpoint has hints and some are for the client's node, those; if for its zone, those; in any other case all.
 */
export function nearby({ endpoints, draining, localOnly }: AddressSet, { node, zone }: Place): Map<string, Endpoint> {
  if (localOnly) {
    const here = keep(endpoints, (endpoint) => node !== undefined && endpoint.node === node);
    const ready = keep(here, (_, key) => !draining.has(key));
    return ready.size > 0 ? ready : here;
  }
  const all = [...endpoints.values()];
  if (all.length === 0 || draining.size > 0) return endpoints;
  if (node !== undefined && all.every((endpoint) => endpoint.hintNodes)) {
    const here = keep(endpoints, (endpoint) => endpoint.hintNodes!.includes(node));
    if (here.size > 0) return here;
  }
  if (zone !== undefined && all.every((endpoint) => endpoint.hintZones)) {
    const here = keep(endpoints, (endpoint) => endpoint.hintZones!.includes(zone));
    if (here.size > 0) return here;
  }
  return endpoints;
}

export function localityOf(endpoint: Endpoint, { zone }: Place): 'local' | 'remote' | 'unknown' {
  if (zone === undefined || endpoint.zone === undefined) return 'unknown';
  return zone === endpoint.zone ? 'local' : 'remote';
}

function keep(endpoints: Map<string, Endpoint>, wanted: (endpoint: Endpoint, key: string) => boolean): Map<string, Endpoint> {
  return new Map([...endpoints].filter(([key, endpoint]) => wanted(endpoint, key)));
}
