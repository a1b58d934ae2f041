import { MIN_KUBERNETES } from '../../api/version.ts';
import type { KubeClient } from '../../lib/kube/client.ts';

export interface KubernetesVersion {
  /** as the server says it, e.g. v1.34.4 */
  text: string;
  major: number;
  minor: number;
  supported: boolean;
}

export const MINIMUM = `v${MIN_KUBERNETES.major}.${MIN_KUBERNETES.minor}`;

/** Version of the API server. Providers write the minor as "29+". */
export async function kubernetesVersion(kube: KubeClient, signal?: AbortSignal): Promise<KubernetesVersion> {
  const info = await kube.json<{ major?: string; minor?: string; gitVersion?: string }>({ path: '/version', signal, what: 'ask for the Kubernetes version' });
  const major = Number.parseInt(info.major ?? '', 10);
  const minor = Number.parseInt(info.minor ?? '', 10);
  const supported = major > MIN_KUBERNETES.major || (major === MIN_KUBERNETES.major && minor >= MIN_KUBERNETES.minor);
  return { text: info.gitVersion ?? `v${info.major}.${info.minor}`, major, minor, supported };
}
