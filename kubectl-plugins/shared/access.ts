import type { KubeClient } from '../../lib/kube/client.ts';
import { inParallel } from './poll.ts';

/** One thing somebody may want to do, in the words of a SelfSubjectAccessReview. */
export interface Access {
  verb: string;
  group: string;
  resource: string;
  namespace?: string;
}

/** Those of `wanted` that the current user may not do. One question when the user may do everything. */
export async function missingAccess(kube: KubeClient, wanted: readonly Access[], signal?: AbortSignal): Promise<Access[]> {
  if (await allowed(kube, { verb: '*', group: '*', resource: '*' }, signal)) return [];
  const answers = await inParallel(wanted, 4, async (access) => ((await allowed(kube, access, signal)) ? [] : [access]));
  return answers.flat();
}

async function allowed(kube: KubeClient, access: Access, signal?: AbortSignal): Promise<boolean> {
  const { namespace, ...rest } = access;
  const review = await kube.json<{ status?: { allowed?: boolean } }>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { ...rest, ...(namespace && { namespace }) } },
    },
    signal,
    what: 'ask for permissions',
  });
  return review.status?.allowed === true;
}

/** The same question for kubectl. */
export function canI(access: Access): string {
  const what = access.group ? `${access.resource}.${access.group}` : access.resource;
  return `kubectl auth can-i ${access.verb} ${what}${access.namespace ? ` -n ${access.namespace}` : ''}`;
}
