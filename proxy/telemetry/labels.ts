import type { EndpointInfo } from '../balance/endpoint.ts';
import type { Labels } from './registry.ts';

/** Labels of a destination: dst_<name> for everything that discovery says of it, and how the connection to it is secured. */
export function dstLabels(e: EndpointInfo): Labels {
  const out: Record<string, string> = {};
  for (const name of Object.keys(e.labels).sort()) out[`dst_${name}`] = e.labels[name]!;
  if (e.tls === null) {
    out['tls'] = 'no_identity';
    out['no_tls_reason'] = 'not_provided_by_service_discovery';
  } else {
    out['tls'] = 'true';
    out['server_id'] = e.tls.identity;
  }
  return out;
}
