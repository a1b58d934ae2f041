/** From one AuthorizationPolicy to what a proxy checks. */
import type { AuthorizationOperation, AuthorizationPolicy, AuthorizationPolicySpec, AuthorizationSource } from '../../api/crds/authorization-policy.ts';
import type { MeshConfig } from '../../api/config.ts';
import { identityName } from '../../api/names.ts';
import { parseCidr } from '../cidr.ts';
import { RESOURCES } from '../kube/resources.ts';
import { patternProblem } from '../pattern.ts';
import type { FieldProblem } from '../traffic/read.ts';
import type { Authorization, Clients, PathMatch, RequestMatch } from './model.ts';
import { ALL_NETWORKS } from './default-policy.ts';

/** A policy that cannot be followed; the message names the field. */
export class PolicyInvalid extends Error {
  override readonly name = 'PolicyInvalid';
}

/** Hears of what cannot be followed. */
type Problem = (field: string, message: string) => void;

const refuse: Problem = (field, message) => {
  throw new PolicyInvalid(`${field}: ${message}`);
};

type Names = Pick<MeshConfig, 'trustDomain' | 'controlNamespace'>;

const ACTIONS = { Allow: 'allow', Deny: 'deny', Audit: 'audit' } as const;
const PATHS: Record<string, PathMatch['kind']> = { Exact: 'exact', Prefix: 'prefix', RegularExpression: 'regex' };

/**
 * What the policy asks of one port; [] when it is not about that port. `within`: the requests of the route that it targets, undefined for any.
 * Throws PolicyInvalid.
 */
export function authorizationsOf(policy: AuthorizationPolicy, port: number, within: readonly RequestMatch[] | undefined, config: Names, problem = refuse): Authorization[] {
  const { from = [], to = [], action = 'Allow' } = policy.spec;
  const { name, namespace = '' } = policy.metadata;
  const requests = requestsOf(to, port, within, problem);
  const known = ACTIONS[action] as Authorization['action'] | undefined;
  if (known === undefined) problem('spec.action', `${action} is none of ${Object.keys(ACTIONS).join(', ')}`);
  const sources = (from.length === 0 ? [{}] : from).map((source, i) => clientsOf(source, `spec.from[${i}]`, namespace, config, problem));
  if (requests === undefined || known === undefined) return [];
  return sources.map((source) => ({
    reference: { kind: 'resource', group: RESOURCES.authorizationpolicies.group, type: RESOURCES.authorizationpolicies.kind, name, namespace },
    ...source,
    action: known,
    ...(requests.length > 0 && { requests }),
  }));
}

/** Any port and route will do to find out whether the fields can be followed: none of the checks depends on them but that of paths. */
const ANY_PORT = 0;

/** Everything in a policy that cannot be followed. */
export function authorizationProblems(policy: AuthorizationPolicy, config: Names): FieldProblem[] {
  const kind = policy.spec.target?.kind ?? 'Namespace';
  const problems: FieldProblem[] = [];
  authorizationsOf(policy, ANY_PORT, kind === 'HTTPRoute' || kind === 'GRPCRoute' ? [] : undefined, config, (field, message) => void problems.push({ field, message }));
  return problems;
}

/** The last form of it that could be followed, as its status has it; undefined for one that never could. */
export function lastGoodForm(policy: AuthorizationPolicy, config: Names): AuthorizationPolicy | undefined {
  const last = policy.status?.lastGood;
  if (last === undefined) return undefined;
  try {
    const before = { ...policy, metadata: { ...policy.metadata, generation: last.generation }, spec: JSON.parse(last.spec) as AuthorizationPolicySpec };
    return authorizationProblem(before, config) === undefined ? before : undefined;
  } catch {
    // Only the control plane writes it: what somebody else put there counts for nothing.
    return undefined;
  }
}

/** The same in a sentence; undefined when it can be followed. */
export function authorizationProblem(policy: AuthorizationPolicy, config: Names): string | undefined {
  const problems = authorizationProblems(policy, config);
  return problems.length === 0 ? undefined : problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
}

/** Undefined: none of the operations is about this port. []: about every request. */
function requestsOf(to: readonly AuthorizationOperation[], port: number, within: readonly RequestMatch[] | undefined, problem: Problem): RequestMatch[] | undefined {
  const checked = to.map((operation, i) => ({ operation, matches: matchesOf(operation, `spec.to[${i}]`, within, problem) }));
  if (checked.length === 0) return [...(within ?? [])];
  const here = checked.filter(({ operation }) => operation.ports === undefined || operation.ports.includes(port));
  if (here.length === 0) return undefined;
  const matches = here.map((one) => one.matches);
  return matches.some((one) => one === 'all') ? [] : matches.flatMap((one) => (one === 'all' ? [] : one));
}

function matchesOf({ methods = [], paths = [] }: AuthorizationOperation, where: string, within: readonly RequestMatch[] | undefined, problem: Problem): RequestMatch[] | 'all' {
  if (within !== undefined) {
    if (paths.length > 0) problem(`${where}.paths`, `the route has the paths already; leave them out, or target what the route leads to`);
    if (methods.length === 0) return [...within];
    return within.flatMap((match) => methods.filter((method) => match.method === undefined || match.method === method).map((method) => ({ ...match, method })));
  }
  if (methods.length === 0 && paths.length === 0) return 'all';
  const wanted = paths.length === 0 ? [{ kind: 'prefix', value: '/' } as const] : paths.map(({ type = 'Exact', value }, i) => pathOf(type, value, `${where}.paths[${i}]`, problem));
  return wanted.flatMap((path): RequestMatch[] => (methods.length === 0 ? [{ path }] : methods.map((method) => ({ path, method }))));
}

function pathOf(type: string, value: string, where: string, problem: Problem): PathMatch {
  const kind = PATHS[type];
  if (kind === undefined) problem(`${where}.type`, `${type} is none of ${Object.keys(PATHS).join(', ')}`);
  else if (kind !== 'regex' && !value.startsWith('/')) problem(`${where}.value`, `a path begins with /, and ${JSON.stringify(value)} does not`);
  if (kind === 'regex') {
    const wrong = patternProblem(value);
    if (wrong !== undefined) problem(`${where}.value`, wrong);
  }
  return { kind: kind ?? 'exact', value };
}

function clientsOf(source: AuthorizationSource, where: string, namespace: string, config: Names, problem: Problem): Pick<Authorization, 'networks' | 'except' | 'clients'> {
  const { identities = [], serviceAccounts = [], namespaces = [], cidrs, exceptCidrs } = source;
  const exact = serviceAccounts.map((account) => identityName(account.name, account.namespace ?? namespace, config.trustDomain, config.controlNamespace));
  const suffixes = namespaces.map((one) => [one, 'serviceaccount', 'identity', config.controlNamespace, ...config.trustDomain.split('.')]);
  for (const [i, identity] of identities.entries()) {
    if (identity === '*') suffixes.push([]);
    else if (identity.startsWith('*.')) suffixes.push(identity.slice(2).split('.'));
    else if (identity.includes('*')) problem(`${where}.identities[${i}]`, '* stands for whole labels at the beginning, as in *.example.org');
    else exact.push(identity);
  }
  const clients: Clients = exact.length + suffixes.length === 0 ? { kind: 'anybody' } : { kind: 'identities', exact, suffixes };
  const except = exceptCidrs?.map((cidr, i) => network(cidr, `${where}.exceptCidrs[${i}]`, problem));
  return { networks: cidrs?.map((cidr, i) => network(cidr, `${where}.cidrs[${i}]`, problem)) ?? ALL_NETWORKS, ...(except?.length && { except }), clients };
}

function network(cidr: string, where: string, problem: Problem): string {
  if (!parseCidr(cidr)) problem(where, `${JSON.stringify(cidr)} is no network such as 10.0.0.0/8`);
  return cidr;
}
