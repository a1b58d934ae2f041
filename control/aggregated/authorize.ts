import type { KubeClient } from '../../lib/kube/client.ts';
import type { User } from './front-proxy.ts';
import { ApiError } from './status.ts';

export interface Attributes {
  verb: string;
  group: string;
  version: string;
  resource: string;
  subresource: string | undefined;
  namespace: string | undefined;
  name: string | undefined;
}

interface Review { status?: { allowed?: boolean; denied?: boolean; reason?: string } }

/** Asks the API server whether `user` may do it (SubjectAccessReview). Throws ApiError 403 when not; KubeError when it cannot be asked. */
export async function authorize(kube: Pick<KubeClient, 'json'>, user: User, attributes: Attributes): Promise<void> {
  const { subresource, namespace, name, ...rest } = attributes;
  const { status } = await kube.json<Review>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: user.name,
        groups: user.groups,
        ...(user.uid !== undefined && { uid: user.uid }),
        extra: user.extra,
        resourceAttributes: { ...rest, ...(subresource && { subresource }), ...(namespace && { namespace }), ...(name && { name }) },
      },
    },
    what: 'create subjectaccessreviews',
  });
  if (status?.allowed === true && status.denied !== true) return;
  const what = `${attributes.resource}${subresource ? `/${subresource}` : ''}.${attributes.group}`;
  const where = namespace ? ` in the namespace "${namespace}"` : ' at the cluster scope';
  const why = status?.reason ? `: ${status.reason}` : '';
  throw new ApiError(403, 'Forbidden', `${what}${name ? ` "${name}"` : ''} is forbidden: User "${user.name}" cannot ${attributes.verb} resource "${attributes.resource}${subresource ? `/${subresource}` : ''}" in API group "${attributes.group}"${where}${why}`);
}
