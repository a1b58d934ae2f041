/** What every way of getting a Kubernetes cluster offers to the demo, the tests and the benchmarks. */

/** One line about what is being done; the receiver adds the time. */
export type Progress = (line: string) => void;

export interface NodeInfo {
  /** name of the Node object */
  name: string;
  /** InternalIP, reachable from this machine */
  ip: string;
  /** path to give to `nsenter --net=`, for captures on the node; null where the node is not a namespace of this machine */
  netns: string | null;
  /** subnet of the node's pods in CIDR form, '' if the cluster does not say */
  podCIDR: string;
}

export interface Cluster {
  /** provider that runs it */
  readonly provider: string;
  readonly name: string;
  /** file with admin credentials */
  readonly kubeconfigPath: string;
  /** context to use in that file; its current context if absent */
  readonly context?: string;
  /** a kubectl that fits the cluster's version: a path, or 'kubectl' where the one on PATH serves */
  readonly kubectl: string;
  /** Nodes in the order of their creation. */
  nodes(): Promise<NodeInfo[]>;
  /** Puts an image archive (tar, docker-archive or OCI layout) on every node. Throws ClusterError. */
  loadImage(archivePath: string): Promise<void>;
}

export interface UpOptions {
  /** DNS label of at most 20 characters; DEFAULT_NAME if absent */
  name?: string;
  /** how many nodes a new cluster gets; an existing one is used as it is if absent, and must agree if given */
  nodes?: number;
  log: Progress;
  /** aborted on Ctrl-C: `up` then removes what it has begun and throws */
  signal?: AbortSignal;
}

export interface ClusterProvider {
  readonly name: string;
  /** Makes the cluster, or finds it running; on return its nodes are Ready and its DNS answers. Throws ClusterError. */
  up(options: UpOptions): Promise<Cluster>;
  /** The running cluster, or undefined. Changes nothing. */
  find(name?: string): Promise<Cluster | undefined>;
  /** Removes every trace of the cluster; succeeds if there is none. Throws ClusterError. */
  down(name?: string, log?: Progress): Promise<void>;
}

export const DEFAULT_NAME = 'mesh';

/** A failure that its reader can act on: the message says what happened, why, and what to do next. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
}

/** The error of an `up` that was told to stop; everything begun is removed when it is thrown. */
export function interrupted(): ClusterError {
  return new ClusterError('Interrupted. What was begun has been removed; run the command again to start anew.');
}

/** Throws ClusterError unless the name can be used for namespaces, links and cgroups. */
export function checkName(name: string): string {
  if (name.length <= 20 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) return name;
  throw new ClusterError(
    `"${name}" cannot name a cluster. Names are at most 20 lower-case letters, digits and dashes, with a letter or digit at both ends. Choose such a name with --name.`,
  );
}
