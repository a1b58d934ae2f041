/** The one cluster of the end-to-end tests, with the mesh, the sample and two pods to call from; the root hook brings it up. */
import { INJECT } from '../../api/annotations.ts';
import { imageRef } from '../../api/version.ts';
import type { Kube } from '../mesh/kube.ts';

/** Namespace of the pods that tests call from. */
export const PROBE_NAMESPACE = 'probe';
/** Pods there, each with the ServiceAccount of the same name: one in the mesh, one outside. */
export const MESHED = 'meshed';
export const PLAIN = 'plain';

export interface World {
  kube: Kube;
  /** of the node, for captures */
  node: { netns: string; podCIDR: string };
}

let current: World | undefined;

export function setWorld(world: World): void {
  current = world;
}

export function hasWorld(): boolean {
  return current !== undefined;
}

/** Throws before the root hook is through. */
export function world(): World {
  if (current === undefined) throw new Error('The cluster of the end-to-end tests is not up yet.');
  return current;
}

export const kube = (): Kube => world().kube;

/** Any object of the Kubernetes API, as far as the tests look at it. */
export interface Thing {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** A container of the sample's image with a Node program of its own instead of a role. */
export function nodeContainer(name: string, program: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name, image: imageRef('sample'), imagePullPolicy: 'IfNotPresent', command: ['/usr/bin/node', '--input-type=module', '-e', program],
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
    ...more,
  };
}

/** Waits to be told to go, then goes at once. */
export const IDLE = 'setInterval(() => {}, 2 ** 30); for (const s of ["SIGTERM", "SIGINT"]) process.on(s, () => process.exit(0));';

/** A ServiceAccount and a pod that runs under it and does nothing by itself. */
export function idlePod(namespace: string, name: string, meshed: boolean): Thing[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    {
      apiVersion: 'v1', kind: 'Pod',
      metadata: { name, namespace, labels: { app: name }, ...(meshed && { annotations: { [INJECT]: 'enabled' } }) },
      spec: { serviceAccountName: name, containers: [nodeContainer('probe', IDLE)] },
    },
  ];
}

export const namespace = (name: string, metadata: Partial<Thing['metadata']> = {}): Thing => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...metadata } });
