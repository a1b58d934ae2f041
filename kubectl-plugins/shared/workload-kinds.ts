import type { WorkloadKind } from '../../api/metrics-api.ts';
import { UsageError } from './errors.ts';
import { suggest } from './suggest.ts';

interface Kind {
  kind: WorkloadKind;
  plural: string;
  /** the short form that kubectl prints and people type first */
  short: string;
}

const TABLE: Kind[] = [
  { kind: 'deployment', plural: 'deployments', short: 'deploy' },
  { kind: 'statefulset', plural: 'statefulsets', short: 'sts' },
  { kind: 'daemonset', plural: 'daemonsets', short: 'ds' },
  { kind: 'job', plural: 'jobs', short: 'job' },
  { kind: 'cronjob', plural: 'cronjobs', short: 'cj' },
  { kind: 'replicaset', plural: 'replicasets', short: 'rs' },
  { kind: 'pod', plural: 'pods', short: 'po' },
  { kind: 'namespace', plural: 'namespaces', short: 'ns' },
  { kind: 'service', plural: 'services', short: 'svc' },
];

const NAMES = new Map(TABLE.flatMap((k) => [k.kind, k.plural, k.short].map((name) => [name, k] as const)));

/** Names of kinds as completion offers them. */
export const KIND_NAMES = TABLE.map((k) => (k.short.length < 3 ? k.kind : k.short));

export interface WorkloadRef extends Kind {
  /** undefined: all of the kind */
  name: string | undefined;
}

/** `deploy`, `deploy/web`, or `deploy web` as two words; several kinds separated by commas. Throws UsageError. */
export function parseWorkloads(words: readonly string[]): WorkloadRef[] {
  const [first = '', ...rest] = words;
  if (rest.length > 0 && !words.some((w) => w.includes('/'))) return rest.flatMap((name) => one(first, name));
  return words.flatMap((word) => word.split(',')).flatMap((word) => {
    const [kind = '', name, ...more] = word.split('/');
    if (more.length > 0 || name === '') throw new UsageError(`${JSON.stringify(word)} is no workload; write KIND or KIND/NAME, such as deploy/web.`);
    return one(kind, name);
  });
}

function one(kind: string, name: string | undefined): WorkloadRef[] {
  const found = NAMES.get(kind.toLowerCase());
  if (found) return [{ ...found, name }];
  const meant = suggest(kind, [...NAMES.keys()]);
  throw new UsageError(`${JSON.stringify(kind)} is no kind of workload that traffic is grouped by. ${meant ? `Did you mean ${meant}? ` : ''}Kinds: ${TABLE.map((k) => k.short).join(', ')}.`);
}
