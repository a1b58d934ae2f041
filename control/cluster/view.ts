import type { EndpointSlice, Namespace, Pod, Service } from '../../lib/kube/types.ts';

/** What computations may ask about the cluster. Keys are namespace/name. */
export interface ClusterView {
  service(key: string): Service | undefined;
  /** services with this cluster IP: one, but for moments of reuse */
  servicesByIp(ip: string): Service[];
  slices(serviceKey: string): EndpointSlice[];
  pod(key: string): Pod | undefined;
  /** pods that have this address, as their own or as their node's (host network, host ports) */
  podsByIp(ip: string): Pod[];
  namespace(name: string): Namespace | undefined;
  /** zone label of a node */
  zone(node: string): string | undefined;
}

/** Names of what an answer depends on, and what a change touches. */
export const token = {
  service: (key: string) => `service ${key}`,
  slices: (serviceKey: string) => `slices ${serviceKey}`,
  pod: (key: string) => `pod ${key}`,
  ip: (ip: string) => `ip ${ip}`,
  namespace: (name: string) => `namespace ${name}`,
  node: (name: string) => `node ${name}`,
} as const;

/** The same view, noting the token of everything that is asked for, found or not. */
export function tracked(view: ClusterView, note: (token: string) => void): ClusterView {
  return {
    service(key) {
      note(token.service(key));
      return view.service(key);
    },
    servicesByIp(ip) {
      note(token.ip(ip));
      return view.servicesByIp(ip);
    },
    slices(key) {
      note(token.slices(key));
      return view.slices(key);
    },
    pod(key) {
      note(token.pod(key));
      return view.pod(key);
    },
    podsByIp(ip) {
      note(token.ip(ip));
      return view.podsByIp(ip);
    },
    namespace(name) {
      note(token.namespace(name));
      return view.namespace(name);
    },
    zone(node) {
      note(token.node(node));
      return view.zone(node);
    },
  };
}
