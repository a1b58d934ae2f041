/** What of an object cannot be followed, by the same readers as the control plane's. The API server has held it to its schema before. */
import type { MeshConfig } from '../../api/config.ts';
import type { AuthorizationPolicy } from '../../api/crds/authorization-policy.ts';
import type { Canary } from '../../api/crds/canary.ts';
import type { HttpFault } from '../../api/crds/http-fault.ts';
import { authorizationProblems } from '../../lib/authz/authorizations.ts';
import type { GrpcRoute, HttpRoute } from '../../lib/kube/gateway-api.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import { grpcMatches, httpMatches, type MatchProblems } from '../../lib/mesh/route-matches.ts';
import { faultOf } from '../../lib/traffic/http-fault.ts';
import type { FieldProblem } from '../../lib/traffic/read.ts';
import { readSettings } from '../../lib/traffic/settings.ts';
import { canaryProblems } from './canary.ts';

export function problemsOf(kind: string, object: KubeObject, config: Pick<MeshConfig, 'trustDomain' | 'controlNamespace'>): FieldProblem[] {
  switch (kind) {
    case 'AuthorizationPolicy': return authorizationProblems(object as AuthorizationPolicy, config);
    case 'HTTPFault': return faultOf(object as HttpFault).problems;
    case 'Canary': return canaryProblems(object as Canary);
    case 'Service': return [...annotationProblems(kind, object), ...ownFailover(object)];
    case 'HTTPRoute':
    case 'GRPCRoute': return [...annotationProblems(kind, object), ...matchProblems(kind, object)];
    default: return [];
  }
}

function annotationProblems(type: string, { metadata }: KubeObject): FieldProblem[] {
  const { problems } = readSettings(metadata, { kind: 'resource', group: '', type, name: metadata.name, namespace: metadata.namespace ?? '' });
  return problems.map(({ field, wrong }) => ({ field: `metadata.annotations[${field}]`, message: wrong.slice(field.length + 1) }));
}

/** A way back over other Services takes the cluster to see, and is reported on the Service by an event. */
function ownFailover({ metadata }: KubeObject): FieldProblem[] {
  const { failover } = readSettings(metadata, { kind: 'resource', group: '', type: 'Service', name: metadata.name, namespace: metadata.namespace ?? '' });
  const itself = failover.some((ref) => ref.name === metadata.name && ref.namespace === metadata.namespace && ref.port === undefined);
  return itself ? [{ field: 'metadata.annotations[kubectl-mesh.io/failover]', message: 'the Service fails over to itself' }] : [];
}

function matchProblems(kind: 'HTTPRoute' | 'GRPCRoute', object: KubeObject): FieldProblem[] {
  const found: FieldProblem[] = [];
  const problems: MatchProblems = {
    rule: (_reason, field, message) => void found.push({ field, message }),
    // What is left out beside a match that counts does no harm.
    field: () => undefined,
  };
  if (kind === 'HTTPRoute') for (const [i, rule] of ((object as HttpRoute).spec.rules ?? []).entries()) httpMatches(rule.matches, `spec.rules[${i}]`, problems);
  else for (const [i, rule] of ((object as GrpcRoute).spec.rules ?? []).entries()) grpcMatches(rule.matches, `spec.rules[${i}]`, problems);
  return found;
}
