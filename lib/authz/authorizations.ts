/** From one AuthorizationPolicy to what a proxy checks. */
import type { AuthorizationOperation, AuthorizationPolicy, AuthorizationSource } from '../../api/crds/authorization-policy.ts';
import type { MeshConfig } from '../../api/config.ts';
import { identityName } from '../../api/names.ts';
import { parseCidr } from '../cidr.ts';
import { RESOURCES } from '../kube/resources.ts';
import type { Authorization, Clients, PathMatch, RequestMatch } from './model.ts';
import { ALL_NETWORKS } from './default-policy.ts';

/** A policy that cannot be followed; the message names the field. */
export class PolicyInvalid extends Error {
  override readonly name = 'PolicyInvalid';
}

type Names = Pick<MeshConfig, 'trustDomain' | 'controlNamespace'>;

const ACTIONS = { Allow: 'allow', Deny: 'deny', Audit: 'audit' } as const;
const PATHS: Record<string, PathMatch['kind']> = { Exact: 'exact', Prefix: 'prefix', RegularExpression: 'regex' };

/**
 * What the policy asks of one port; [] when it is not about that port. `within`: the requests of the route that it targets, undefined for any.
 * Throws PolicyInvalid.
 */
export function authorizationsOf(policy: AuthorizationPolicy, port: number, within: readonly RequestMatch[] | undefined, config: Names): Authorization[] {
  const { from = [], to = [], action = 'Allow' } = policy.spec;
  const { name, namespace = '' } = policy.metadata;
  const requests = requestsOf(to, port, within);
  const known = ACTIONS[action] as Authorization['action'] | undefined;
  if (known === undefined) throw new PolicyInvalid(`spec.action: ${action} is none of ${Object.keys(ACTIONS).join(', ')}`);
  const sources = (from.length === 0 ? [{}] : from).map((source, i) => clientsOf(source, `spec.from[${i}]`, namespace, config));
  if (requests === undefined) return [];
  return sources.map((source) => ({
    reference: { kind: 'resource', group: RESOURCES.authorizationpolicies.group, type: RESOURCES.authorizationpolicies.kind, name, namespace },
    ...source,
    action: known,
    ...(requests.length > 0 && { requests }),
  }));
}

/** Any port and route will do to find out whether the fields can be followed: none of the checks depends on them but that of paths. */
const ANY_PORT = 0;

/** Why a policy cannot be followed, with the field; undefined when it can. */
export function authorizationProblem(policy: AuthorizationPolicy, config: Names): string | undefined {
  const kind = policy.spec.target?.kind ?? 'Namespace';
  const within = kind === 'HTTPRoute' || kind === 'GRPCRoute' ? [] : undefined;
  try {
    authorizationsOf(policy, ANY_PORT, within, config);
    return undefined;
  } catch (error) {
    if (error instanceof PolicyInvalid) return error.message;
    throw error;
  }
}

/** Undefined: none of the operations is about this port. []: about every request. */
function requestsOf(to: readonly AuthorizationOperation[], port: number, within: readonly RequestMatch[] | undefined): RequestMatch[] | undefined {
  const checked = to.map((operation, i) => ({ operation, matches: matchesOf(operation, `spec.to[${i}]`, within) }));
  if (checked.length === 0) return [...(within ?? [])];
  const here = checked.filter(({ operation }) => operation.ports === undefined || operation.ports.includes(port));
  if (here.length === 0) return undefined;
  const matches = here.map((one) => one.matches);
  return matches.some((one) => one === 'all') ? [] : matches.flatMap((one) => (one === 'all' ? [] : one));
}

function matchesOf({ methods = [], paths = [] }: AuthorizationOperation, where: string, within: readonly RequestMatch[] | undefined): RequestMatch[] | 'all' {
  if (within !== undefined) {
    if (paths.length > 0) throw new PolicyInvalid(`${where}.paths: the route has the paths already; leave them out, or target what the route leads to`);
    if (methods.length === 0) return [...within];
    return within.flatMap((match) => methods.filter((method) => match.method === undefined || match.method === method).map((method) => ({ ...match, method })));
  }
  if (methods.length === 0 && paths.length === 0) return 'all';
  const wanted = paths.length === 0 ? [{ kind: 'prefix', value: '/' } as const] : paths.map(({ type = 'Exact', value }, i) => pathOf(type, value, `${where}.paths[${i}]`));
  return wanted.flatMap((path): RequestMatch[] => (methods.length === 0 ? [{ path }] : methods.map((method) => ({ path, method }))));
}

function pathOf(type: string, value: string, where: string): PathMatch {
  const kind = PATHS[type];
  if (kind === undefined) throw new PolicyInvalid(`${where}.type: ${type} is none of ${Object.keys(PATHS).join(', ')}`);
  if (kind === 'regex') {
    try {
      RegExp(value);
    } catch (error) {
      throw new PolicyInvalid(`${where}.value: ${(error as Error).message}`);
    }
  } else if (!value.startsWith('/')) throw new PolicyInvalid(`${where}.value: a path begins with /, and ${JSON.stringify(value)} does not`);
  return { kind, value };
}

function clientsOf(source: AuthorizationSource, where: string, namespace: string, config: Names): Pick<Authorization, 'networks' | 'except' | 'clients'> {
  const { identities = [], serviceAccounts = [], namespaces = [], cidrs, exceptCidrs } = source;
  const exact = serviceAccounts.map((account) => identityName(account.name, account.namespace ?? namespace, config.trustDomain, config.controlNamespace));
  const suffixes = namespaces.map((one) => [one, 'serviceaccount', 'identity', config.controlNamespace, ...config.trustDomain.split('.')]);
  for (const [i, identity] of identities.entries()) {
    if (identity === '*') suffixes.push([]);
    else if (identity.startsWith('*.')) suffixes.push(identity.slice(2).split('.'));
    else if (identity.includes('*')) throw new PolicyInvalid(`${where}.identities[${i}]: * stands for whole labels at the beginning, as in *.example.org`);
    else exact.push(identity);
  }
  const clients: Clients = exact.length + suffixes.length === 0 ? { kind: 'anybody' } : { kind: 'identities', exact, suffixes };
  const except = exceptCidrs?.map((cidr, i) => network(cidr, `${where}.exceptCidrs[${i}]`));
  return { networks: cidrs?.map((cidr, i) => network(cidr, `${where}.cidrs[${i}]`)) ?? ALL_NETWORKS, ...(except?.length && { except }), clients };
}

function network(cidr: string, where: string): string {
  if (!parseCidr(cidr)) throw new PolicyInvalid(`${where}: ${JSON.stringify(cidr)} is no network such as 10.0.0.0/8`);
  return cidr;
}
