/** What is in force at each port, as rows of a table. */
import type { AuthorizationPolicy } from '../../api/crds/authorization-policy.ts';
import { parseIdentity } from '../../api/names.ts';
import { ALL_NETWORKS } from '../../lib/authz/default-policy.ts';
import type { Authorization, RequestMatch } from '../../lib/authz/model.ts';
import { defaultOf } from './explain.ts';
import type { PortPolicy } from './ports.ts';
import type { World } from './world.ts';

export interface Row {
  port: number;
  protocol: 'detect' | 'opaque' | 'skipped';
  /** name of the AuthorizationPolicy, `probes`, or the default policy with who chose it */
  policy: string;
  action: 'Allow' | 'Deny' | 'Audit';
  from: string[];
  to: string[];
  /** KIND/NAME that the policy targets; '' for what is no AuthorizationPolicy */
  target: string;
  /** pods for which it holds, when others of the workload have another policy */
  pods: string[];
}

const ACTIONS = { allow: 'Allow', deny: 'Deny', audit: 'Audit' } as const;

export function rowsOf(world: World, at: PortPolicy, differ: boolean): Row[] {
  const { port, policy } = at;
  const shared = { port, pods: differ ? at.pods : [] };
  if (at.skipped) return [{ ...shared, protocol: 'skipped', policy: '-', action: 'Allow', from: ['anybody'], to: ['everything, past the proxy'], target: '' }];
  const fallback = defaultOf(world, at);
  const probes = policy.routes.filter((route) => route.authorizations.length > 0).flatMap((route): Row[] => [{
    ...shared, protocol: policy.protocol, policy: 'probes', action: 'Allow', from: ['anybody'], to: route.matches.map(requestText), target: '',
  }]);
  const rules = policy.authorizations.map((one): Row => {
    const own = one.reference.kind === 'resource' ? one.reference.name : undefined;
    return {
      ...shared, protocol: policy.protocol, policy: own ?? `default ${fallback.name} (${fallback.chosenBy})`, action: ACTIONS[one.action ?? 'allow'],
      from: fromOf(one, world.config.clusterNetworks), to: one.requests?.map(requestText) ?? ['everything'], target: own === undefined ? '' : targetOf(world.policies.find((p) => p.metadata.name === own)),
    };
  });
  if (rules.some((row) => row.action !== 'Deny')) return [...probes, ...rules];
  return [...probes, ...rules, { ...shared, protocol: policy.protocol, policy: `default ${fallback.name} (${fallback.chosenBy})`, action: 'Deny', from: ['anybody'], to: ['everything'], target: '' }];
}

function targetOf(policy: AuthorizationPolicy | undefined): string {
  const { kind = 'Namespace', name, selector } = policy?.spec.target ?? {};
  if (selector) return `${kind} ${Object.entries(selector).map(([key, value]) => `${key}=${value}`).join(',')}`;
  return name === undefined ? kind : `${kind}/${name}`;
}

function fromOf({ clients, networks, except = [] }: Authorization, cluster: readonly string[]): string[] {
  const who = clients.kind === 'anybody' ? ['anybody'] : clients.kind === 'any-tls' ? ['any mesh TLS']
    : [...clients.exact.map(identityText), ...clients.suffixes.map((parts) => (parts.length === 0 ? 'any identity' : suffixText(parts)))];
  const anywhere = networks.every((one) => ALL_NETWORKS.includes(one));
  if (anywhere && except.length === 0) return who;
  const where = `${anywhere ? 'any network' : networks.join() === cluster.join() ? 'the cluster\'s networks' : networks.join(' ')}${except.length > 0 ? ` but ${except.join(' ')}` : ''}`;
  return who.map((one) => `${one} in ${where}`);
}

function identityText(identity: string): string {
  const known = parseIdentity(identity);
  return known ? `sa/${known.namespace}/${known.serviceAccount}` : identity;
}

/** Suffix NAMESPACE.serviceaccount.identity.… is everybody of a namespace. */
function suffixText(parts: readonly string[]): string {
  return parts[1] === 'serviceaccount' && parts[2] === 'identity' ? `ns/${parts[0]}` : `*.${parts.join('.')}`;
}

function requestText({ method, path, headers = [], query = [] }: RequestMatch): string {
  const where = path.kind === 'regex' ? `~${path.value}` : path.kind === 'exact' ? path.value : path.value === '/' ? '' : `${path.value.replace(/\/$/, '')}/**`;
  const more = headers.length + query.length > 0 ? 'with more conditions' : '';
  return [method ?? (where === '' ? 'any' : '*'), where, more].filter((part) => part !== '').join(' ');
}
