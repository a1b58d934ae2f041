/** The decision about one request, with its reason in words. */
import { defaultPolicyOf } from '../../lib/authz/compile.ts';
import { decide, type Decision } from '../../lib/authz/decide.ts';
import type { Peer } from '../../lib/authz/judge.ts';
import type { Reference } from '../../lib/authz/model.ts';
import { configAnnotation } from '../../api/annotations.ts';
import type { Asked } from './options.ts';
import type { PortPolicy } from './ports.ts';
import type { World } from './world.ts';

export interface Explained {
  pods: string[];
  allowed: boolean;
  /** what decided; null: nothing did, so it is denied, or the proxy is not asked */
  rule: { kind: string; name: string; namespace: string; action: 'allow' | 'deny' | 'audit' } | null;
  reason: string;
  /** AuthorizationPolicies that it is counted for */
  audits: string[];
  defaultPolicy: { name: string; chosenBy: 'pod' | 'namespace' | 'install' };
}

export function explain(world: World, at: PortPolicy, peer: Peer, request: Asked['request']): Explained {
  const shared = { pods: at.pods, defaultPolicy: defaultOf(world, at) };
  if (at.skipped) return { ...shared, allowed: true, rule: null, audits: [], reason: `port ${at.port} skips the proxy, so nothing is enforced there` };
  const decision = decide(at.policy, peer, request && { ...request, authority: '', fields: [] });
  return {
    ...shared, allowed: decision.allowed, reason: reasonOf(decision, at, shared.defaultPolicy, request !== undefined),
    rule: decision.by && { ...named(decision.by.reference), action: decision.by.action },
    audits: decision.audits.filter((one) => one.kind === 'resource').map((one) => one.name),
  };
}

export function defaultOf(world: World, { pod, port }: PortPolicy): Explained['defaultPolicy'] {
  const { name, chosenBy } = defaultPolicyOf(pod, port, world, world.config);
  const said = (['default-inbound-policy', 'proxy-require-identity-inbound-ports'] as const).some((key) => configAnnotation(pod.metadata, key) !== undefined);
  return { name, chosenBy: chosenBy === 'install' ? 'install' : said ? 'pod' : 'namespace' };
}

function named(reference: Reference): { kind: string; name: string; namespace: string } {
  if (reference.kind === 'resource') return { kind: reference.type, name: reference.name, namespace: reference.namespace };
  return { kind: reference.name === 'probe' ? 'Probe' : 'DefaultPolicy', name: reference.name, namespace: '' };
}

function reasonOf({ allowed, by, opaque }: Decision, { policy }: PortPolicy, fallback: Explained['defaultPolicy'], asRequest: boolean): string {
  const unseen = opaque && asRequest ? '; the port is opaque, so methods and paths are not seen' : '';
  const chosen = `the default policy ${fallback.name} (of the ${fallback.chosenBy})`;
  if (by?.reference.kind === 'resource') {
    const does = { allow: 'allows it', deny: 'denies it', audit: 'lets it pass and has it counted: nothing allows it' }[by.action];
    return `${by.reference.type} ${by.reference.name} ${does}${unseen}`;
  }
  if (by?.reference.name === 'probe') return 'it is what a probe of the kubelet asks, and those are always let through';
  if (by) return `${chosen} ${by.action === 'audit' ? 'lets it pass and has it counted' : 'allows it'}${unseen}`;
  const allows = policy.authorizations.filter((one) => one.action === undefined || one.action === 'allow').map((one) => one.reference);
  const policies = [...new Set(allows.flatMap((one) => (one.kind === 'resource' ? [one.name] : [])))];
  if (policies.length === 0 && !allowed) return `no AuthorizationPolicy allows anybody at this port, and ${chosen} does not allow it${unseen}`;
  return `only ${policies.join(', ')} ${policies.length === 1 ? 'allows' : 'allow'} anybody at this port, and not this; the default policy does not count where one allows${unseen}`;
}
